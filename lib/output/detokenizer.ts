import { LLMError } from '../errors.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'
import type { Segment } from './stage.js'

/** Appends tokens and gives out text as soon as its characters are complete. O(1) per token; exact at every cut. */
export class Detokenizer {
  readonly #table: TokenTable
  // Whole characters only: the incomplete ones are kept here, not in the decoder. A BOM is text.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #pending = new Uint8Array(0)
  #strip: boolean

  /**
   * @param options.continuation the text continues another one: a leading space is kept. Otherwise tokenizers of the
   * SentencePiece kind lose one at the very start, as decoding the whole does.
   */
  constructor(table: TokenTable, options: { continuation: boolean }) {
    this.#table = table
    this.#strip = table.stripLeadingSpace && !options.continuation
  }

  /**
   * The text that `ids` complete. Bytes that are no UTF-8 become U+FFFD. An added token ends the text before it: bytes
   * of an incomplete character become U+FFFD there, even if later bytes would have fitted.
   * @throws LLMError ERR_TOKEN_ID for an id outside the table; nothing of this call is then appended.
   */
  push(ids: Int32Array | readonly number[]): Segment[] {
    const { bytes, offsets, special, added, size } = this.#table
    for (const id of ids) {
      if (!Number.isInteger(id) || id < 0 || id >= size) {
        throw new LLMError('ERR_TOKEN_ID', `expected a token id in 0…${size - 1}, found ${id}`)
      }
    }
    const segments: Segment[] = []
    const parts: Uint8Array[] = []
    for (const id of ids) {
      const piece = bytes.subarray(offsets[id], offsets[id + 1])
      if (added[id] === 0) {
        parts.push(piece)
        continue
      }
      this.#text(parts.splice(0), true, segments)
      if (special[id] === 1) segments.push({ text: this.#decoder.decode(piece), special: true })
      else this.#text([piece], true, segments)
    }
    this.#text(parts, false, segments)
    return segments
  }

  /** What was held back: U+FFFD for an incomplete character. The detokenizer can go on afterwards. */
  end(): Segment[] {
    const segments: Segment[] = []
    this.#text([], true, segments)
    return segments
  }

  #text(parts: Uint8Array[], flush: boolean, segments: Segment[]): void {
    if (parts.length === 0 && (!flush || this.#pending.length === 0)) return
    const all = Buffer.concat([this.#pending, ...parts])
    const end = flush ? all.length : all.length - incompleteSuffix(all)
    this.#pending = new Uint8Array(all.subarray(end))
    let text = this.#decoder.decode(all.subarray(0, end))
    if (text === '') return
    if (this.#strip && text.startsWith(' ')) text = text.slice(1)
    this.#strip = false
    if (text === '') return
    const last = segments.at(-1)
    if (last?.special === false) last.text += text
    else segments.push({ text, special: false })
  }
}

/** Number of bytes at the end (0 to 3) that begin a UTF-8 character and could still be completed. */
function incompleteSuffix(bytes: Uint8Array): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const lead = bytes[bytes.length - length]!
    if ((lead & 0xc0) === 0x80) continue
    const size = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 1
    if (size <= length) return 0
    if (length === 1) return 1
    const second = bytes[bytes.length - length + 1]!
    // The second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF.
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    return second >= low && second <= high ? length : 0
  }
  return 0
}
