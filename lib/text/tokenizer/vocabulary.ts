import { LLMError } from '../../errors.js'
import { brief, unsupported } from './config.js'
import { isTokenId, maxTokenIds } from './token-id.js'

type Entry = [token: string, id: number]

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
export function readVocabulary(model: ModelConfig, where: string): Entry[] {
  const { vocab } = model
  const invalid = (what: string): never => {
    throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${what}`)
  }
  if (model.type === 'Unigram') {
    if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > maxTokenIds) {
      return invalid(`vocab: expected an array of 1 to ${maxTokenIds} tokens, found ${brief(vocab)}`)
    }
    return vocab.map((entry: unknown, id): Entry => {
      const [token, score] = Array.isArray(entry) ? (entry as unknown[]) : []
      if (typeof token === 'string' && Number.isFinite(score)) {
        if (!token.isWellFormed()) invalid(`vocab[${id}]: ${halfCharacter}`)
        return [token, id]
      }
      return invalid(`vocab[${id}]: expected [token, score] with a finite score, found ${brief(entry)}`)
    })
  }
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    return invalid(`vocab: expected an object, found ${brief(vocab)}`)
  }
  const owners: string[] = []
  const entries = Object.entries(vocab) as Entry[]
  // There may be 200,000: what an error says is made for the one that is wrong.
  const quoted = (token: string) => JSON.stringify(token.slice(0, 60))
  for (const [token, id] of entries) {
    if (!token.isWellFormed()) invalid(`vocab[${quoted(token)}]: ${halfCharacter}`)
    if (!isTokenId(id)) {
      invalid(`vocab[${quoted(token)}]: expected an id in 0…${maxTokenIds - 1}, found ${brief(id)}`)
    }
    const other = owners[id]
    if (other !== undefined) {
      invalid(`vocab[${quoted(token)}]: expected an id of its own, found ${id}, which ${quoted(other)} has`)
    }
    owners[id] = token
  }
  return entries
}

/** Half a pair would match inside of another character. */
const halfCharacter = 'expected whole characters, found half a surrogate pair'
