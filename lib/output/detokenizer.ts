import { LLMError } from '../errors.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'
import { CleanUp } from './clean-up.js'
import type { Segment } from './stage.js'

/** Turns tokens into text as soon as its characters are complete. Takes O(1) per token, and is exact at every cut. */
export class Detokenizer {
  readonly #table: TokenTable
  // It gets whole characters only; bytes of incomplete ones wait in `#pending`. A byte order mark is text.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #pending = new Uint8Array(0)
  readonly #skipSpecialTokens: boolean
  /** Nothing stands before the next token. */
  #first: boolean
  #strip: boolean
  /** The text ended with this space, which is dropped unless something follows. */
  #space = ''
  readonly #cleanUp: CleanUp | undefined

  /**
   * @param options.continuation says that the text continues another one, so that its leading space is kept. Otherwise
   * tokenizers of SentencePiece's kind drop one space at the very start.
   * @param options.skipSpecialTokens says that special tokens are left out of the text later. They do not count as its
   * beginning then.
   */
  constructor(table: TokenTable, options: { continuation: boolean; skipSpecialTokens: boolean }) {
    this.#table = table
    this.#cleanUp = table.cleanUpSpaces ? new CleanUp() : undefined
    this.#skipSpecialTokens = options.skipSpecialTokens
    this.#first = !options.continuation
    this.#strip = table.stripLeadingSpace && !options.continuation
  }

  /**
   * Appends tokens and returns the text that they complete. Bytes that are not UTF-8 become U+FFFD. So do the bytes of
   * an incomplete character before an added token, even if later bytes would complete it.
   * @throws LLMError ERR_TOKEN_ID for an id outside the table; then nothing has been appended.
   */
  push(ids: Int32Array | readonly number[]): Segment[] {
    const { first, special, added, size } = this.#table
    for (const id of ids) {
      if (!Number.isInteger(id) || id < 0 || id >= size) {
        throw new LLMError('ERR_TOKEN_ID', `expected a token id in 0…${size - 1}, found ${id}`)
      }
    }
    const segments: Segment[] = []
    const parts: Uint8Array[] = []
    for (const id of ids) {
      const counts = special[id] === 0 || !this.#skipSpecialTokens
      const { bytes, offsets } = (this.#first && counts ? first : null) ?? this.#table
      if (counts) this.#first = false
      const piece = bytes.subarray(offsets[id], offsets[id + 1])
      if (added[id] === 0) {
        parts.push(piece)
        continue
      }
      this.#text(parts.splice(0), true, segments)
      if (special[id] === 1) {
        const text = this.#decoder.decode(piece)
        segments.push({ text: counts ? this.#trim(text) : text, special: true })
      } else this.#text([piece], true, segments)
    }
    this.#text(parts, false, segments)
    return segments
  }

  /** Returns what was held back: U+FFFD for an incomplete character. More tokens may follow. */
  end(): Segment[] {
    const segments: Segment[] = []
    this.#text([], true, segments)
    append(this.#cleanUp?.end() ?? '', segments)
    return segments
  }

  #text(parts: Uint8Array[], flush: boolean, segments: Segment[]): void {
    if (parts.length === 0 && (!flush || this.#pending.length === 0)) return
    const all = Buffer.concat([this.#pending, ...parts])
    const end = flush ? all.length : all.length - incompleteSuffix(all)
    this.#pending = new Uint8Array(all.subarray(end))
    append(this.#trim(this.#decoder.decode(all.subarray(0, end))), segments)
  }

  /** Drops the space at the very start, cleans up, and holds back the one at the end until something follows it. */
  #trim(text: string): string {
    if (text === '') return text
    const begun = this.#strip && text.startsWith(' ') ? text.slice(1) : text
    this.#strip = false
    if (!this.#table.stripTrailingSpace) return this.#cleanUp?.push(begun) ?? begun
    const all = this.#space + begun
    this.#space = all.endsWith(' ') ? ' ' : ''
    const kept = all.slice(0, all.length - this.#space.length)
    return this.#cleanUp?.push(kept) ?? kept
  }
}

function append(text: string, segments: Segment[]): void {
  if (text === '') return
  const last = segments.at(-1)
  if (last?.special === false) last.text += text
  else segments.push({ text, special: false })
}

/** How many bytes at the end, 0 to 3, begin a UTF-8 character that later bytes could complete. */
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
