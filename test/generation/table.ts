import type { TokenTable } from '#lib/text/tokenizer/token-table.js'

/** A token table written by hand: text or bytes per token; `<…>` is a special token. */
export function tableOf(pieces: (string | number[])[], stripLeadingSpace = false): TokenTable {
  const chunks = pieces.map((piece) =>
    typeof piece === 'string' ? new TextEncoder().encode(piece) : Uint8Array.from(piece),
  )
  const offsets = new Uint32Array(pieces.length + 1)
  chunks.forEach((chunk, i) => {
    offsets[i + 1] = (offsets[i] as number) + chunk.length
  })
  const bytes = new Uint8Array(offsets.at(-1) as number)
  chunks.forEach((chunk, i) => {
    bytes.set(chunk, offsets[i])
  })
  const special = Uint8Array.from(pieces, (piece) => (typeof piece === 'string' && /^<.+>$/.test(piece) ? 1 : 0))
  const whole = { first: null, stripLeadingSpace, stripTrailingSpace: false, cleanUpSpaces: false }
  return { bytes, offsets, special, added: special.slice(), size: pieces.length, absent: [], ...whole }
}
