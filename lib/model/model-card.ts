import { join } from 'node:path'
import { LLMError } from '../errors.js'
import type { FileDefaults } from './definition.js'
import { readOptions } from './generation-config.js'
import { isObject, JsonObject } from './json-object.js'
import { fileSize, readStart } from './model-file.js'

/** Bytes of README.md that may hold its front matter: cards with many results have long ones. */
const frontMatterBytes = 1024 * 1024
/** Characters that `inference` may have there. Parsing YAML takes milliseconds for each 1,000, on the main thread. */
const inferenceLength = 4096

/**
 * Reads the defaults that a model card gives to requests: `inference.parameters` in the YAML front matter of README.md.
 *
 * @returns undefined when there are none
 * @throws LLMError ERR_MODEL_UNREADABLE or ERR_MODEL_INVALID. A card is for people: what is wrong with it need not end a load.
 */
export async function readModelCard(folder: string): Promise<FileDefaults | undefined> {
  const file = join(folder, 'README.md')
  if ((await fileSize(file)) === undefined) return undefined
  const start = (await readStart(file, frontMatterBytes)).toString('utf8')
  const block = inferenceBlock(start)
  if (block === undefined) return undefined
  if (block.length > inferenceLength)
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${file}: expected "inference" of at most ${inferenceLength} characters, found ${block.length}`,
    )
  // Few folders have one.
  const { parse } = await import('yaml')
  let value: unknown
  try {
    value = parse(block, { maxAliasCount: 0, logLevel: 'error' })
  } catch (cause) {
    const [reason = ''] = (cause as Error).message.split('\n')
    throw new LLMError('ERR_MODEL_INVALID', `${file}: expected YAML in "inference" (${reason})`, { cause })
  }
  // `inference: false` says that the hub runs no widget.
  const inference = isObject(value) && isObject(value['inference']) ? value['inference'] : {}
  const parameters = new JsonObject(file, inference, 'inference.').object('parameters')
  return parameters && { source: 'README.md', ...readOptions(parameters) }
}

/** The lines of the front matter's key `inference`. A key of the first level, and only that, begins at the start of a line. */
function inferenceBlock(text: string): string | undefined {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  if (lines[0]?.trimEnd() !== '---') return undefined
  const end = lines.findIndex((line, i) => i > 0 && /^(---|\.\.\.)\s*$/.test(line))
  const matter = lines.slice(1, Math.max(end, 1))
  const first = matter.findIndex((line) => /^inference\s*:/.test(line))
  if (first < 0) return undefined
  const length = matter.slice(first + 1).findIndex((line) => /^[^\s#]/.test(line))
  return matter.slice(first, length < 0 ? undefined : first + 1 + length).join('\n')
}
