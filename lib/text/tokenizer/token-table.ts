import { LLMError } from '../../errors.js'
import type { AddedToken } from './added-tokens.js'
import { fromByteAlphabet } from './byte-alphabet.js'
import { compilePattern } from './pattern.js'
import { sequenceOf, stringOf, typedConfig } from './pre-tokenizer.js'

/** The bytes of every token: detokenizing only appends them. An id without a token has no bytes. */
export interface TokenTable {
  /** The bytes of all tokens, one after another. */
  bytes: Uint8Array<ArrayBuffer>
  /** `size + 1` offsets: token `i` has the bytes from `offsets[i]` up to `offsets[i + 1]`. */
  offsets: Uint32Array<ArrayBuffer>
  /** 1 for special tokens, which may be left out of the text. */
  special: Uint8Array<ArrayBuffer>
  /** 1 for all added tokens. */
  added: Uint8Array<ArrayBuffer>
  /** The largest id + 1. */
  size: number
  /** Whether a text loses one leading space when it is decoded from its beginning, as SentencePiece does it. */
  stripLeadingSpace: boolean
}

interface Decoder {
  textOf: (token: string) => string
  bytesOf: (token: string) => Uint8Array
  stripLeadingSpace: boolean
}

const encoder = new TextEncoder()
const byteToken = /^<0x([0-9A-Fa-f]{2})>$/

/**
 * Builds the table for a tokenizer.json's `decoder`.
 * @param vocabulary tokens and ids of the model.
 * @param addedTokens their `content` as it is matched: normalized where the token is.
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER when tokens cannot be decoded one by one with this decoder.
 */
export function createTokenTable(
  vocabulary: readonly (readonly [string, number])[],
  addedTokens: Iterable<AddedToken>,
  decoderConfig: unknown,
  where: string,
): TokenTable {
  const decoder = createDecoder(decoderConfig, where)
  const pieces: Uint8Array[] = []
  for (const [token, id] of vocabulary) pieces[id] = decoder.bytesOf(token)
  const added = [...addedTokens]
  // Added tokens stand for themselves, not for bytes of the alphabet.
  for (const token of added) pieces[token.id] = encoder.encode(decoder.textOf(token.content))
  const size = pieces.length
  const offsets = new Uint32Array(size + 1)
  for (let id = 0; id < size; id++) offsets[id + 1] = (offsets[id] ?? 0) + (pieces[id]?.length ?? 0)
  const bytes = new Uint8Array(offsets[size] ?? 0)
  for (let id = 0; id < size; id++) if (pieces[id] !== undefined) bytes.set(pieces[id]!, offsets[id])
  const table = {
    bytes,
    offsets,
    special: new Uint8Array(size),
    added: new Uint8Array(size),
    size,
    stripLeadingSpace: decoder.stripLeadingSpace,
  }
  for (const { id, special } of added) {
    table.added[id] = 1
    table.special[id] = special ? 1 : 0
  }
  return table
}

function createDecoder(value: unknown, where: string): Decoder {
  if (value === null || value === undefined) {
    throw new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${where}: expected a decoder, found none`)
  }
  const steps: { config: Record<string, unknown> & { type: string }; where: string }[] = []
  const flatten = (step: unknown, at: string): void => {
    const config = typedConfig(step, at)
    if (config.type === 'Sequence') {
      for (const [i, inner] of sequenceOf(config, 'decoders', at).entries()) flatten(inner, `${at}[${i}]`)
    } else steps.push({ config, where: at })
  }
  flatten(value, where)
  const maps: ((token: string) => string)[] = []
  let byteLevel = false
  let byteFallback = false
  let fused = false
  let stripLeadingSpace = false
  for (const { config, where: at } of steps) {
    const refuse = (why: string): never => {
      throw new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${at}: ${config.type} ${why}`)
    }
    if (byteLevel) refuse('behind ByteLevel is not supported')
    switch (config.type) {
      case 'ByteLevel':
        byteLevel = true
        break
      case 'ByteFallback':
        byteFallback = true
        break
      case 'Fuse':
        fused = true
        break
      case 'Replace': {
        if (fused) refuse('behind Fuse is not supported')
        const pattern = compilePattern(config['pattern'], at)
        const content = stringOf(config, 'content', at)
        maps.push((token) => token.replaceAll(pattern, () => content))
        break
      }
      case 'Metaspace': {
        const mark = stringOf(config, 'replacement', at, '▁')
        maps.push((token) => token.replaceAll(mark, ' '))
        stripLeadingSpace =
          stringOf(config, 'prepend_scheme', at, config['add_prefix_space'] === false ? 'never' : 'always') !== 'never'
        break
      }
      case 'Strip':
        // Before Fuse, it would strip every token.
        if (!fused || config['content'] !== ' ' || config['start'] !== 1 || config['stop'] !== 0) {
          refuse(
            `with content ${JSON.stringify(config['content'])}, start ${config['start']}, stop ${config['stop']} ` +
              'is not supported: expected one leading space, behind Fuse',
          )
        }
        stripLeadingSpace = true
        break
      default:
        refuse('is not supported')
    }
  }
  const textOf = (token: string): string => maps.reduce((result, map) => map(result), token)
  const bytesOf = (token: string): Uint8Array => {
    const byte = byteFallback ? byteToken.exec(token)?.[1] : undefined
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16))
    return byteLevel ? fromByteAlphabet(textOf(token)) : encoder.encode(textOf(token))
  }
  return { textOf, bytesOf, stripLeadingSpace }
}
