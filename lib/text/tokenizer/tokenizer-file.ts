import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { LLMError } from '../../errors.js'
import type { AddedToken } from './added-tokens.js'
import { isTokenId, maxTokenIds } from './token-id.js'
import { type ModelConfig, modelType, readVocabulary, type Vocabulary } from './vocabulary.js'

/** Largest tokenizer.json that is read. The largest known one, with 256,000 tokens, has 33 MB. */
export const maxTokenizerBytes = 64 * 1024 * 1024
/**
 * Most brackets and commas of a file that is parsed. V8 ends the whole process when a single large allocation fails in a
 * worker thread, whatever its resource limits. The largest known file has 3 million.
 */
const maxStructure = 5_000_000

/** What a tokenizer.json holds. Its shape has been checked, except for the fields that are `unknown`. */
export interface TokenizerFile {
  path: string
  vocabulary: Vocabulary
  model: ModelConfig
  addedTokens: AddedToken[]
  normalizer: unknown
  preTokenizer: unknown
  postProcessor: unknown
  decoder: unknown
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/**
 * Reads a tokenizer.json.
 * @throws LLMError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_TOKENIZER_INVALID or ERR_UNSUPPORTED_TOKENIZER,
 * naming the file.
 */
export function readTokenizerFile(path: string): TokenizerFile {
  const json = parse(path)
  const invalid = (what: string): never => {
    throw new LLMError('ERR_TOKENIZER_INVALID', `${path}: ${what}`)
  }
  if (!isObject(json)) return invalid('expected a JSON object')
  if (!isObject(json['model'])) return invalid('expected an object model')
  const where = `${path}: model`
  const model: ModelConfig = { ...json['model'], type: modelType(json['model'], where) }
  const vocabulary = readVocabulary(model, where)
  const added = json['added_tokens'] ?? []
  if (!Array.isArray(added)) return invalid('expected an array added_tokens')
  const addedTokens = added.map((token: unknown, i) => {
    if (isObject(token) && typeof token['content'] === 'string' && isTokenId(token['id']))
      return addedToken(token, token['content'], token['id'])
    return invalid(
      `added_tokens[${i}]: expected { id, content } with an id in 0…${maxTokenIds - 1}, ` +
        `found ${JSON.stringify(token)?.slice(0, 80)}`,
    )
  })
  return {
    path,
    vocabulary,
    model,
    addedTokens,
    normalizer: json['normalizer'],
    preTokenizer: json['pre_tokenizer'],
    postProcessor: json['post_processor'],
    decoder: json['decoder'],
  }
}

/**
 * The added tokens of the file, with what tokenizer_config.json adds or changes. As in transformers, its
 * `added_tokens_decoder` wins, and special tokens that it names become added tokens.
 * @throws LLMError ERR_TOKENIZER_INVALID when `added_tokens_decoder` has a wrong shape.
 */
export function mergeAddedTokens(file: TokenizerFile, config: Record<string, unknown>): Map<string, AddedToken> {
  const { ids } = file.vocabulary
  const tokens = new Map(file.addedTokens.map((token) => [token.content, token]))
  const where = `${file.path}: tokenizer_config.json`
  const decoder = config['added_tokens_decoder'] ?? {}
  if (!isObject(decoder))
    throw new LLMError('ERR_TOKENIZER_INVALID', `${where}: expected an object added_tokens_decoder`)
  for (const [key, value] of Object.entries(decoder)) {
    if (!isObject(value) || typeof value['content'] !== 'string' || !isTokenId(Number(key))) {
      throw new LLMError(
        'ERR_TOKENIZER_INVALID',
        `${where}: added_tokens_decoder[${JSON.stringify(key)}]: expected { content } under its id`,
      )
    }
    const content = value['content']
    tokens.set(content, addedToken(value, content, tokens.get(content)?.id ?? ids.get(content) ?? Number(key)))
  }
  for (const content of specialTokenNames(config)) {
    const known = tokens.get(content)
    const id = known?.id ?? ids.get(content)
    if (id === undefined) continue
    tokens.set(content, known === undefined ? addedToken({ special: true }, content, id) : { ...known, special: true })
  }
  return tokens
}

/** The content of a token that a config gives as a string or as `{ content }`. */
export function tokenContent(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return isObject(value) && typeof value['content'] === 'string' ? value['content'] : undefined
}

function specialTokenNames(config: Record<string, unknown>): string[] {
  const names: unknown[] = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((kind) => config[`${kind}_token`])
  for (const key of ['additional_special_tokens', 'extra_special_tokens']) {
    const list = config[key]
    if (typeof list === 'object' && list !== null) names.push(...Object.values(list))
  }
  return names.map(tokenContent).filter((name) => name !== undefined && name !== '') as string[]
}

function addedToken(value: Record<string, unknown>, content: string, id: number): AddedToken {
  const special = value['special'] === true
  return {
    id,
    content,
    singleWord: value['single_word'] === true,
    lstrip: value['lstrip'] === true,
    rstrip: value['rstrip'] === true,
    normalized: typeof value['normalized'] === 'boolean' ? value['normalized'] : !special,
    special,
  }
}

function checkStructure(bytes: Uint8Array, path: string): void {
  if (bytes.length <= maxStructure) return
  let structure = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) structure++
  }
  if (structure <= maxStructure) return
  throw new LLMError(
    'ERR_TOKENIZER_INVALID',
    `${path}: expected at most ${maxStructure} brackets and commas, found ${structure}`,
  )
}

function parse(path: string): unknown {
  let text: string
  try {
    // Non-blocking, so that a named pipe cannot block the thread.
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const stat = fstatSync(file)
      if (!stat.isFile()) throw new LLMError('ERR_TOKENIZER_INVALID', `${path}: expected a file`)
      if (stat.size > maxTokenizerBytes) {
        throw new LLMError(
          'ERR_TOKENIZER_INVALID',
          `${path}: expected at most ${maxTokenizerBytes} bytes, found ${stat.size}`,
        )
      }
      const bytes = readFileSync(file)
      checkStructure(bytes, path)
      text = bytes.toString('utf8')
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof LLMError) throw cause
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const message = missing ? `${path}: no such file` : `${path}: cannot be read: ${(cause as Error).message}`
    throw new LLMError(missing ? 'ERR_MODEL_NOT_FOUND' : 'ERR_MODEL_UNREADABLE', message, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LLMError('ERR_TOKENIZER_INVALID', `${path}: expected JSON: ${(cause as Error).message}`, { cause })
  }
}
