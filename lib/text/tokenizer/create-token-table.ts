import type { AddedToken } from './added-tokens.js'
import { ByteWriter } from './byte-writer.js'
import { createDecoder } from './decoder.js'
import type { TokenBytes, TokenTable } from './token-table.js'

/** Bytes of a token, about. */
const usualLength = 8

/**
 * Builds the table for a tokenizer.json's `decoder`.
 * @param tokens those of the model, by id.
 * @param addedTokens their `content` as it is matched: normalized where the token is.
 * @throws LLMError as {@link createDecoder}.
 */
export function createTokenTable(
  tokens: readonly (string | undefined)[],
  addedTokens: Iterable<AddedToken>,
  decoderConfig: unknown,
  cleanUpSpaces: boolean,
  where: string,
): TokenTable {
  const decoder = createDecoder(decoderConfig, where)
  const added = [...addedTokens]
  const contents = new Map(added.map(({ id, content }) => [id, content]))
  const size = added.reduce((most, { id }) => Math.max(most, id + 1), tokens.length)
  const absent: number[] = []
  const bytes = (first: boolean): TokenBytes => {
    const writer = new ByteWriter(usualLength * size)
    const offsets = new Uint32Array(size + 1)
    for (let id = 0; id < size; id++) {
      const content = contents.get(id)
      const token = tokens[id]
      // Added tokens stand for themselves, not for bytes of the alphabet.
      if (content !== undefined) writer.text(decoder.textOf(content, first))
      else if (token !== undefined) decoder.write(token, first, writer)
      else if (!first) absent.push(id)
      offsets[id + 1] = writer.length
    }
    return { bytes: writer.taken(), offsets }
  }
  const table = {
    ...bytes(false),
    first: decoder.knowsFirst ? bytes(true) : null,
    special: new Uint8Array(size),
    added: new Uint8Array(size),
    size,
    absent,
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
