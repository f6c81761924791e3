import { LLMError } from '../../errors.js'
import { brief, unsupported } from './config.js'
import { isTokenId, maxTokenIds } from './token-id.js'

/** The tokens of a model both ways. */
export interface Vocabulary {
  /** By id; where no token has an id, nothing. */
  tokens: readonly (string | undefined)[]
  /** Ids by token; of equal tokens, the last. */
  ids: ReadonlyMap<string, number>
}

/** The `model` of a tokenizer.json, whose `type` is known and whose `vocab` has been checked. */
export type ModelConfig = Record<string, unknown> & { type: 'BPE' | 'Unigram' | 'WordPiece' | 'WordLevel' }

/**
 * Says which model it is. Old files do not; what they hold tells.
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER
 */
export function modelType(model: Record<string, unknown>, where: string): ModelConfig['type'] {
  const type = model['type']
  switch (type) {
    case 'BPE':
    case 'Unigram':
    case 'WordPiece':
    case 'WordLevel':
      return type
    case undefined:
      if (Array.isArray(model['vocab'])) return 'Unigram'
      if ('merges' in model || !('unk_token' in model)) return 'BPE'
      return 'max_input_chars_per_word' in model ? 'WordPiece' : 'WordLevel'
    default:
      return unsupported(
        where,
        `expected type 'BPE', 'Unigram', 'WordPiece' or 'WordLevel', found ${JSON.stringify(type)}`,
      )
  }
}

/**
 * The tokens of a model. A Unigram model lists them in the order of their ids, and may hold one twice.
 * @throws LLMError ERR_TOKENIZER_INVALID, naming the field.
 */
export function readVocabulary(model: ModelConfig, where: string): Vocabulary {
  const { vocab } = model
  const invalid = (what: string): never => {
    throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${what}`)
  }
  if (model.type === 'Unigram') {
    if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > maxTokenIds) {
      return invalid(`vocab: expected an array of 1 to ${maxTokenIds} tokens, found ${brief(vocab)}`)
    }
    const tokens = vocab.map((entry: unknown, id): string => {
      const [token, score] = Array.isArray(entry) ? (entry as unknown[]) : []
      if (typeof token === 'string' && Number.isFinite(score)) {
        if (!token.isWellFormed()) invalid(`vocab[${id}]: ${halfCharacter}`)
        return token
      }
      return invalid(`vocab[${id}]: expected [token, score] with a finite score, found ${brief(entry)}`)
    })
    return { tokens, ids: new Map(tokens.map((token, id) => [token, id])) }
  }
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    return invalid(`vocab: expected an object, found ${brief(vocab)}`)
  }
  const tokens: string[] = []
  const ids = new Map<string, number>()
  // There may be 200,000: what an error says is made for the one that is wrong.
  const quoted = (token: string) => JSON.stringify(token.slice(0, 60))
  for (const token of Object.keys(vocab)) {
    const id = (vocab as Record<string, unknown>)[token]
    if (!token.isWellFormed()) invalid(`vocab[${quoted(token)}]: ${halfCharacter}`)
    if (!isTokenId(id)) {
      return invalid(`vocab[${quoted(token)}]: expected an id in 0…${maxTokenIds - 1}, found ${brief(id)}`)
    }
    const other = tokens[id]
    if (other !== undefined) {
      invalid(`vocab[${quoted(token)}]: expected an id of its own, found ${id}, which ${quoted(other)} has`)
    }
    tokens[id] = token
    ids.set(token, id)
  }
  return { tokens, ids }
}

/** Half a pair would match inside of another character. */
const halfCharacter = 'expected whole characters, found half a surrogate pair'
