import type { AddedToken } from './added-tokens.js'
import { createDecoder } from './decoder.js'
import type { TokenBytes, TokenTable } from './token-table.js'

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

function joined(pieces: Uint8Array[]): TokenBytes {
  const size = pieces.length
  const offsets = new Uint32Array(size + 1)
  for (let id = 0; id < size; id++) offsets[id + 1] = (offsets[id] ?? 0) + (pieces[id]?.length ?? 0)
  const bytes = new Uint8Array(offsets[size] ?? 0)
  for (let id = 0; id < size; id++) if (pieces[id] !== undefined) bytes.set(pieces[id]!, offsets[id])
  return { bytes, offsets }
}
