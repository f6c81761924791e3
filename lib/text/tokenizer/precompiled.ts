import { LLMError } from '../../errors.js'

/** Characters of a grapheme cluster up to this many UTF-8 bytes are looked up together. */
const longestCluster = 5
/** The segmenter takes time in proportion to its text for each cluster: it gets this many UTF-16 units at once. */
const windowLength = 64
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/**
 * A `precompiled_charsmap` of SentencePiece: which characters become which text. Its bytes are: the size of a trie (32
 * bits, little endian); the trie, a double array of 32-bit units as the library darts-clone makes it; the texts, each
 * ended by a zero byte, which the values of the trie point into.
 *
 * The Rust library looks up each grapheme cluster of at most five bytes, takes the shortest entry that the cluster
 * begins with, and replaces the whole cluster by it. Otherwise it looks up the characters one by one. So do we.
 */
export class Precompiled {
  readonly #units: Uint32Array
  readonly #texts: Uint8Array
  /** What has been looked up. Undefined means that there is no entry. */
  readonly #known = new Map<string, string | undefined>()
  readonly #segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
  readonly #where: string

  /**
   * @param charsmap base64
   * @param where names the file and the field in errors.
   * @throws LLMError ERR_TOKENIZER_INVALID
   */
  constructor(charsmap: unknown, where: string) {
    this.#where = where
    if (typeof charsmap !== 'string') throw this.#invalid(`base64, found ${JSON.stringify(charsmap)?.slice(0, 60)}`)
    const bytes = Buffer.from(charsmap, 'base64')
    if (bytes.length < 4) throw this.#invalid(`at least 4 bytes in base64, found ${bytes.length}`)
    const size = bytes.readUInt32LE(0)
    if (size % 4 !== 0 || size < 4 || size > bytes.length - 4) {
      throw this.#invalid(`a trie of 4 to ${bytes.length - 4} bytes, in steps of 4, found ${size}`)
    }
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => bytes.readUInt32LE(4 + i * 4))
    this.#texts = bytes.subarray(4 + size)
    try {
      decoder.decode(this.#texts)
    } catch {
      throw this.#invalid('texts in UTF-8 behind the trie')
    }
  }

  normalize(text: string): string {
    let result = ''
    let start = 0
    for (let end = 1; end <= text.length; end++) {
      // Between two ASCII characters there is always a boundary, except in CR LF: most texts need no segmenter.
      const [last, next] = [text.charCodeAt(end - 1), text.charCodeAt(end)]
      if (last > 0x7f || next > 0x7f || (last === 0x0d && next === 0x0a)) continue
      result += this.#stretch(text.slice(start, end))
      start = end
    }
    return result + this.#stretch(text.slice(start))
  }

  #stretch(text: string): string {
    if (text.length <= 1) return this.#each(text)
    let result = ''
    for (let start = 0, size = windowLength; start < text.length; ) {
      const split = (text.charCodeAt(start + size - 1) & 0xfc00) === 0xd800
      const segments = [...this.#segmenter.segment(text.slice(start, start + size + (split ? 1 : 0)))]
      // The last cluster may go on behind the window.
      if (start + size < text.length) segments.pop()
      for (const { segment } of segments) {
        result += this.#cluster(segment)
        start += segment.length
      }
      size = segments.length === 0 ? size * 2 : windowLength
    }
    return result
  }

  #each(text: string): string {
    let result = ''
    for (const character of text) result += this.#lookUp(character) ?? character
    return result
  }

  #cluster(cluster: string): string {
    const short = cluster.length <= longestCluster && Buffer.byteLength(cluster) <= longestCluster
    return (short ? this.#lookUp(cluster) : undefined) ?? this.#each(cluster)
  }

  #lookUp(key: string): string | undefined {
    if (this.#known.has(key)) return this.#known.get(key)
    const found = this.#search(encoder.encode(key))
    if (this.#known.size >= 10_000) this.#known.clear()
    this.#known.set(key, found)
    return found
  }

  /** The text of the shortest entry that `key` begins with. */
  #search(key: Uint8Array): string | undefined {
    let at = offsetOf(this.#unit(0))
    for (const byte of key) {
      if (byte === 0) return undefined
      at ^= byte
      const unit = this.#unit(at)
      // The topmost bit marks a value, which is no label.
      if ((unit & 0x8000_00ff) !== byte) return undefined
      at ^= offsetOf(unit)
      if ((unit & 0x100) === 0) continue
      const start = this.#unit(at) & 0x7fff_ffff
      if (start > this.#texts.length) throw this.#invalid(`a text at most at ${this.#texts.length}, found ${start}`)
      const end = this.#texts.indexOf(0, start)
      return decoder.decode(this.#texts.subarray(start, end < 0 ? undefined : end))
    }
    return undefined
  }

  #unit(at: number): number {
    const unit = this.#units[at]
    if (unit === undefined) throw this.#invalid(`a trie that stays inside its ${this.#units.length} units`)
    return unit
  }

  #invalid(expected: string): LLMError {
    return new LLMError('ERR_TOKENIZER_INVALID', `${this.#where}.precompiled_charsmap: expected ${expected}`)
  }
}

/** How far the children of a unit lie from it; large distances are stored in steps of 256. */
const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6)
