import { LLMError } from '../errors.js'
import { isDeeper, isObject } from '../model/json-object.js'

/** Bytes that a model.yaml may have: a gallery of hundreds of models. */
export const maxYamlBytes = 2 ** 20
/** Levels of nesting; a model.yaml has four. */
const maxDepth = 16

/**
 * The mapping of one model in the text of a model.yaml. A file may hold one model or a list of them, and an entry of a gallery wraps a model
 * in `config_file`, `overrides` and `files`.
 *
 * @param file path or URL, for errors
 * @param wanted the model's `name`, where the file may hold several; undefined when it holds one
 * @throws LLMError `ERR_MODEL_INVALID` for anything that is no such file; `ERR_REFERENCE` for a name that is not there, and for none when
 * there are several
 */
export async function readDocument(text: string, file: string, wanted?: string): Promise<Record<string, unknown>> {
  const document = await parseYaml(text, file)
  const models = (Array.isArray(document) ? document : [document]).map((entry: unknown) => {
    if (!isObject(entry)) throw invalid(file, 'expected a YAML mapping, or a list of mappings')
    return entry
  })
  const unwrapped = await Promise.all(models.map((entry) => unwrap(entry, file)))
  const names = unwrapped.map(({ name }) => String(name))
  const index = wanted === undefined && names.length === 1 ? 0 : names.indexOf(wanted ?? '')
  const found = unwrapped[index]
  if (found) return found
  throw new LLMError(
    'ERR_REFERENCE',
    `${file}: expected ${wanted === undefined ? 'a reference that names one of its models' : `a model named ${JSON.stringify(wanted)}`} ` +
      `(…#NAME), found ${names.length === 0 ? 'no model' : names.join(', ')}`,
  )
}

/**
 * A YAML document from somebody, within bounds.
 * @throws LLMError `ERR_MODEL_INVALID` that names the file
 */
export async function parseYaml(text: string, file: string): Promise<unknown> {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxYamlBytes) throw invalid(file, `expected at most ${maxYamlBytes} bytes, found ${bytes}`)
  // Few loads need it.
  const { parse } = await import('yaml')
  let value: unknown
  try {
    // Go's parser knows merge keys. The bound on aliases is on what they would grow to.
    value = parse(text, { maxAliasCount: 100, merge: true, logLevel: 'error' })
  } catch (cause) {
    const [reason = ''] = (cause as Error).message.split('\n')
    throw invalid(file, `expected YAML (${reason})`, cause)
  }
  if (isDeeper(value, maxDepth)) throw invalid(file, `expected at most ${maxDepth} levels, found more`)
  return value
}

/** A model as an entry of a gallery gives it: `overrides` and `files` over what `config_file`, YAML in YAML, says. */
async function unwrap(entry: Record<string, unknown>, file: string): Promise<Record<string, unknown>> {
  if (!('config_file' in entry || 'overrides' in entry)) return entry
  const { config_file: config = {}, overrides = {}, files, name } = entry
  const inner = typeof config === 'string' ? await parseYaml(config, `${file}: config_file`) : config
  if (!isObject(inner)) throw invalid(file, 'expected "config_file" to be a mapping, or the YAML of one')
  if (!isObject(overrides)) throw invalid(file, 'expected "overrides" to be a mapping')
  const merged = merge(inner, overrides)
  return {
    ...(name === undefined ? {} : { name }),
    ...merged,
    ...(files === undefined ? {} : { download_files: files }),
  }
}

/** Mappings are merged, everything else is replaced. Both are at most {@link maxDepth} deep. */
function merge(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(base, key) ? base[key] : undefined
    const both = isObject(below) && isObject(value) ? merge(below, value) : value
    // `__proto__` is a key like any other.
    Object.defineProperty(merged, key, { value: both, enumerable: true, configurable: true, writable: true })
  }
  return merged
}

const invalid = (file: string, text: string, cause?: unknown): LLMError =>
  new LLMError('ERR_MODEL_INVALID', `${file}: ${text}`, { cause })
