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

/** The text of one token by itself. Bytes that are not UTF-8 become U+FFFD. */
export function tokenText({ first, ...usual }: TokenTable, id: number): string {
  const { bytes, offsets } = first ?? usual
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(offsets[id], offsets[id + 1]))
}

/** What of a table can be handed over to another thread, instead of copying it. */
export const buffersOf = ({ bytes, offsets, first, special, added }: TokenTable): ArrayBuffer[] =>
  [bytes, offsets, special, added, ...(first === null ? [] : [first.bytes, first.offsets])].map(({ buffer }) => buffer)
