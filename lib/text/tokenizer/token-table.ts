import type { AddedToken } from './added-tokens.js'
import { createDecoder } from './decoder.js'

/** The bytes of every token: detokenizing only appends them. An id without a token has no bytes. */
export interface TokenTable extends TokenBytes {
  /** The bytes of tokens with which a text begins; null when they are the same as elsewhere. */
  first: TokenBytes | null
  /** 1 for special tokens, which may be left out of the text. */
  special: Uint8Array<ArrayBuffer>
  /** 1 for all added tokens. */
  added: Uint8Array<ArrayBuffer>
  /** The largest id + 1. */
  size: number
  /** Ids below it that have no token, ascending. */
  absent: readonly number[]
  /** Whether a text loses one leading space when it is decoded from its beginning, as SentencePiece does it. */
  stripLeadingSpace: boolean
  /** Whether a text loses one space at its very end: tokens that end a word have one. */
  stripTrailingSpace: boolean
  /** Whether spaces that English does not write are taken out of the text. */
  cleanUpSpaces: boolean
}

export interface TokenBytes {
  /** The bytes of all tokens, one after another. */
  bytes: Uint8Array<ArrayBuffer>
  /** `size + 1` offsets: token `i` has the bytes from `offsets[i]` up to `offsets[i + 1]`. */
  offsets: Uint32Array<ArrayBuffer>
}

const encoder = new TextEncoder()

/**
 * Builds the table for a tokenizer.json's `decoder`.
 * @param vocabulary tokens and ids of the model.
 * @param addedTokens their `content` as it is matched: normalized where the token is.
 * @throws LLMError as {@link createDecoder}.
 */
export function createTokenTable(
  vocabulary: readonly (readonly [string, number])[],
  addedTokens: Iterable<AddedToken>,
  decoderConfig: unknown,
  cleanUpSpaces: boolean,
  where: string,
): TokenTable {
  const decoder = createDecoder(decoderConfig, where)
  const added = [...addedTokens]
  const bytes = (first: boolean): TokenBytes => {
    const pieces: Uint8Array[] = []
    for (const [token, id] of vocabulary) pieces[id] = decoder.bytesOf(token, first)
    // Added tokens stand for themselves, not for bytes of the alphabet.
    for (const token of added) pieces[token.id] = encoder.encode(decoder.textOf(token.content, first))
    return joined(pieces)
  }
  const usual = bytes(false)
  const size = usual.offsets.length - 1
  const ids = new Set([...vocabulary, ...added.map(({ content, id }) => [content, id] as const)].map(([, id]) => id))
  const table = {
    ...usual,
    first: decoder.knowsFirst ? bytes(true) : null,
    special: new Uint8Array(size),
    added: new Uint8Array(size),
    size,
    absent: Array.from({ length: size }, (_, id) => id).filter((id) => !ids.has(id)),
    stripLeadingSpace: decoder.stripLeadingSpace,
    stripTrailingSpace: decoder.stripTrailingSpace,
    cleanUpSpaces,
  }
  for (const { id, special } of added) {
    table.added[id] = 1
    table.special[id] = special ? 1 : 0
  }
  return table
}

/** The text of one token by itself. Bytes that are not UTF-8 become U+FFFD. */
export function tokenText({ first, ...usual }: TokenTable, id: number): string {
  const { bytes, offsets } = first ?? usual
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(offsets[id], offsets[id + 1]))
}

/** What of a table can be handed over to another thread, instead of copying it. */
export const buffersOf = ({ bytes, offsets, first, special, added }: TokenTable): ArrayBuffer[] =>
  [bytes, offsets, special, added, ...(first === null ? [] : [first.bytes, first.offsets])].map(({ buffer }) => buffer)

function joined(pieces: Uint8Array[]): TokenBytes {
  const size = pieces.length
  const offsets = new Uint32Array(size + 1)
  for (let id = 0; id < size; id++) offsets[id + 1] = (offsets[id] ?? 0) + (pieces[id]?.length ?? 0)
  const bytes = new Uint8Array(offsets[size] ?? 0)
  for (let id = 0; id < size; id++) if (pieces[id] !== undefined) bytes.set(pieces[id]!, offsets[id])
  return { bytes, offsets }
}
