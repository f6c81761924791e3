import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { GgufMends } from '../../engine/boundary.js'
import { LLMError } from '../../errors.js'
import { configFiles } from './configs.js'
import { graphMends } from './mends.js'
import { readGgufHeader } from './metadata.js'
import { refuseUnfaithful } from './refusals.js'
import { tokenizerFiles } from './tokenizer.js'

/**
 * Writes everything of a model folder but the graph and its weights: config.json, generation_config.json, tokenizer.json,
 * tokenizer_config.json and the chat templates. Heavy computing: runs in a worker thread (files-worker.ts).
 *
 * @param source path of the GGUF
 * @param folder existing folder
 * @returns what the conversion of the graph needs to know
 */
export async function writeModelFiles(source: string, folder: string): Promise<GgufMends> {
  const header = await readGgufHeader(source)
  const { config, generation } = configFiles(header)
  refuseUnfaithful(header)
  const { tokenizer, config: tokenizerConfig, templates } = tokenizerFiles(header)
  const files: [name: string, text: string][] = [
    ['config.json', json(config)],
    ['generation_config.json', json(generation)],
    ['tokenizer.json', JSON.stringify(tokenizer)],
    ['tokenizer_config.json', json(tokenizerConfig)],
  ]
  for (const [name, text] of templates)
    files.push([name === 'default' ? 'chat_template.jinja' : join('additional_chat_templates', `${name}.jinja`), text])
  for (const [name, text] of files) await write(join(folder, name), text)
  return graphMends(header)
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  } catch (cause) {
    throw new LLMError(
      'ERR_CONVERT',
      `${path}: cannot be written (${cause instanceof Error ? cause.message : 'unknown failure'})`,
      { cause },
    )
  }
}
