import { LLMError } from '../../errors.js'
import { JsonObject } from '../json-object.js'

/** `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** The tokens of a GGUF, by id. */
export interface Vocabulary {
  /** Kind of tokenizer, `tokenizer.ggml.model`. */
  model: string
  /** Metadata of the file whose failures are those of a tokenizer. */
  metadata: JsonObject
  tokens: readonly string[]
  /** One {@link TokenType} per token. */
  types: readonly number[]
  /** Ids by token. */
  ids: ReadonlyMap<string, number>
  bos: number | undefined
  eos: number | undefined
  unknown: number | undefined
  padding: number | undefined
  /** End of turn, end of message. */
  eot: number | undefined
  eom: number | undefined
}

/**
 * Reads the tokens of a GGUF.
 *
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER when the file has no tokenizer, ERR_TOKENIZER_INVALID when it is damaged
 */
export function readVocabulary(header: JsonObject): Vocabulary {
  const metadata = new JsonObject(header.file, header.data, '', 'ERR_TOKENIZER_INVALID')
  const model = metadata.string('tokenizer.ggml.model')
  if (model === undefined || !metadata.has('tokenizer.ggml.tokens'))
    throw new LLMError(
      'ERR_UNSUPPORTED_TOKENIZER',
      `${header.file}: the file holds no tokenizer ("tokenizer.ggml.model" and "tokenizer.ggml.tokens")`,
    )

  const tokens = metadata.strings('tokenizer.ggml.tokens') ?? []
  if (tokens.length === 0) throw metadata.invalid('tokenizer.ggml.tokens', 'an array that is not empty')
  const types = metadata.numbers('tokenizer.ggml.token_type')
  if (types?.length !== tokens.length || types.some((type) => !Number.isInteger(type) || type < 1 || type > 6))
    throw metadata.invalid(
      'tokenizer.ggml.token_type',
      `an array of ${tokens.length} integers from 1 to 6, one per token`,
    )

  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) {
    const other = ids.get(token)
    if (other !== undefined)
      throw new LLMError(
        'ERR_TOKENIZER_INVALID',
        `${header.file}: expected each of "tokenizer.ggml.tokens" once, found ${JSON.stringify(token.slice(0, 80))} as ${other} and ${id}`,
      )
    ids.set(token, id)
  }

  const id = (name: string): number | undefined => {
    const key = `tokenizer.ggml.${name}_token_id`
    return metadata.number(
      key,
      `a token id below ${tokens.length}`,
      (value) => Number.isInteger(value) && value >= 0 && value < tokens.length,
    )
  }
  return {
    model,
    metadata,
    tokens,
    types,
    ids,
    bos: id('bos'),
    eos: id('eos'),
    unknown: id('unknown'),
    padding: id('padding'),
    eot: id('eot'),
    eom: id('eom'),
  }
}

/** Texts that end an assistant's turn in the chat formats of known model families. */
const turnEnds = [
  '<|end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '<|end_of_text|>',
]

/**
 * Ids that end a generation, ascending: the metadata's own, and the control tokens by which known chat formats end a turn, because
 * many files name only one of several.
 */
export function readStopTokenIds({ types, ids, eos, eot, eom }: Vocabulary): number[] {
  // In the harmony format <|end|> ends one message of an answer; only these two end the answer.
  const texts = ids.has('<|return|>') ? ['<|return|>', '<|call|>'] : turnEnds
  const added: readonly (number | undefined)[] = [TokenType.control, TokenType.userDefined]
  const known = texts.map((text) => ids.get(text)).filter((id) => id !== undefined && added.includes(types[id]))
  const all = new Set([eos, eot, eom, ...known].filter((id) => id !== undefined))
  return [...all].sort((a, b) => a - b)
}
