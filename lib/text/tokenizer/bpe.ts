import { LLMError } from '../../errors.js'

const idBits = 20
/** All ids are below this, so that a pair of ids fits one exact number. */
export const maxTokenIds = 2 ** idBits
/** Most symbols of a word, up to three per UTF-16 unit; a rank and a position fit one exact number. */
const maxSymbols = 2 ** 26
const cacheCapacity = 10_000
const maxCachedLength = 256
const encoder = new TextEncoder()

/**
 * Byte-pair encoding of words: merges the pair of neighbours with the lowest rank, of equal ones the leftmost, until no
 * pair is left. Takes O(n log n) for a word of n characters. Whatever grows with the word lies in typed arrays, outside
 * the JavaScript heap, so that a hostile word cannot exhaust it.
 *
 * Why not the tokenizer of @huggingface/tokenizers (0.2.0): of the 46 texts in each of our vectors it encodes 1 to 15
 * otherwise than the Rust library (added tokens that are single words, digits that are not ASCII, the merging kinds of
 * Split), and it takes twice as long for prose and thirty times as long for a word of 20,000 characters.
 */
export class Bpe {
  readonly #vocabulary: ReadonlyMap<string, number>
  /** Pair of ids to rank. */
  readonly #ranks = new Map<number, number>()
  /** Rank to the id of the merged token. */
  readonly #merged: Uint32Array
  readonly #byteIds: Int32Array | undefined
  readonly #unknown: number | undefined
  readonly #fuseUnknown: boolean
  readonly #ignoreMerges: boolean
  readonly #cache = new Map<string, number[]>()

  /**
   * @param model of a tokenizer.json; its shape has been checked.
   * @param unknown id of the model's `unk_token`, if it has one.
   * @param where names the file and the field in errors.
   * @throws LLMError ERR_TOKENIZER_INVALID when a merge names or makes a token that is not in the vocabulary.
   */
  constructor(
    model: Record<string, unknown>,
    vocabulary: ReadonlyMap<string, number>,
    unknown: number | undefined,
    where: string,
  ) {
    this.#vocabulary = vocabulary
    this.#unknown = unknown
    this.#fuseUnknown = model['fuse_unk'] === true
    this.#ignoreMerges = model['ignore_merges'] === true
    const merges = model['merges'] as readonly (string | readonly [string, string])[]
    this.#merged = new Uint32Array(merges.length)
    merges.forEach((merge, rank) => {
      const space = typeof merge === 'string' ? merge.indexOf(' ', 1) : 0
      const [left, right] = typeof merge === 'string' ? [merge.slice(0, space), merge.slice(space + 1)] : merge
      const ids = [left, right, left + right].map((token) => vocabulary.get(token))
      if (ids.includes(undefined)) {
        throw new LLMError(
          'ERR_TOKENIZER_INVALID',
          `${where}.merges[${rank}]: expected tokens of the vocabulary, found ${JSON.stringify([left, right])}`,
        )
      }
      const [a, b, whole] = ids as [number, number, number]
      this.#ranks.set(a * maxTokenIds + b, rank)
      this.#merged[rank] = whole
    })
    if (model['byte_fallback'] === true) {
      this.#byteIds = Int32Array.from({ length: 256 }, (_, byte) => {
        return vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) ?? -1
      })
    }
  }

  /** Appends the ids of `word` to `ids`. */
  encode(word: string, ids: number[]): void {
    const whole = this.#ignoreMerges ? this.#vocabulary.get(word) : undefined
    if (whole !== undefined) {
      ids.push(whole)
      return
    }
    const cached = this.#cache.get(word)
    if (cached !== undefined) {
      for (const id of cached) ids.push(id)
      return
    }
    const start = ids.length
    this.#merge(word, ids)
    if (word.length <= maxCachedLength) {
      if (this.#cache.size >= cacheCapacity) this.#cache.clear()
      this.#cache.set(word, ids.slice(start))
    }
  }

  #merge(word: string, ids: number[]): void {
    if (word.length * 3 > maxSymbols) throw new RangeError(`a word of ${word.length} characters is too long`)
    // Symbol i is `symbols[i]`, its right neighbour `next[i]`, its left one `previous[i]`. -1 means merged away, or no
    // neighbour.
    const symbols = this.#symbols(word)
    const count = symbols.length
    const next = new Int32Array(count)
    const previous = new Int32Array(count)
    const queue = new Queue()
    const offer = (left: number): void => {
      const right = next[left]!
      const rank = right < 0 ? undefined : this.#ranks.get(symbols[left]! * maxTokenIds + symbols[right]!)
      if (rank !== undefined) queue.push(rank * maxSymbols + left)
    }
    for (let i = 0; i < count; i++) {
      previous[i] = i - 1
      next[i] = i + 1 < count ? i + 1 : -1
    }
    for (let i = 0; i + 1 < count; i++) offer(i)
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const left = entry % maxSymbols
      const rank = (entry - left) / maxSymbols
      const right = next[left]!
      // The entry is outdated unless the symbols that stand there now merge to the same token.
      if (symbols[left]! < 0 || right < 0) continue
      const now = this.#ranks.get(symbols[left]! * maxTokenIds + symbols[right]!)
      if (now === undefined || this.#merged[now] !== this.#merged[rank]) continue
      symbols[left] = this.#merged[rank]!
      symbols[right] = -1
      next[left] = next[right]!
      if (next[left]! >= 0) previous[next[left]!] = left
      if (previous[left]! >= 0) offer(previous[left]!)
      offer(left)
    }
    for (let i = 0; i >= 0 && i < count; i = next[i]!) ids.push(symbols[i]!)
  }

  /**
   * One symbol per character. A character that is not in the vocabulary gives one symbol per byte; where the bytes are
   * not in it either, the unknown token; where there is none, nothing.
   */
  #symbols(word: string): Int32Array {
    const symbols = new Int32Array(word.length * 3)
    let count = 0
    let unknown = false
    for (const character of word) {
      const id = this.#vocabulary.get(character)
      const bytes =
        id === undefined && this.#byteIds !== undefined
          ? Array.from(encoder.encode(character), (byte) => this.#byteIds![byte]!)
          : []
      if (id !== undefined) symbols[count++] = id
      else if (bytes.length > 0 && !bytes.includes(-1)) for (const byte of bytes) symbols[count++] = byte
      else {
        if (this.#unknown !== undefined && !(unknown && this.#fuseUnknown)) symbols[count++] = this.#unknown
        unknown = true
        continue
      }
      unknown = false
    }
    return symbols.subarray(0, count)
  }
}

/** A binary heap of numbers, the smallest first. */
class Queue {
  #heap = new Float64Array(64)
  #size = 0

  push(value: number): void {
    if (this.#size === this.#heap.length) {
      const larger = new Float64Array(this.#size * 2)
      larger.set(this.#heap)
      this.#heap = larger
    }
    const heap = this.#heap
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]! <= value) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = value
  }

  pop(): number | undefined {
    if (this.#size === 0) return undefined
    const heap = this.#heap
    const top = heap[0]
    const value = heap[--this.#size]!
    let at = 0
    for (let child = 1; child < this.#size; child = 2 * at + 1) {
      if (child + 1 < this.#size && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= value) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = value
    return top
  }
}
