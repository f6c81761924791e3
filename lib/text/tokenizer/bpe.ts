import { LLMError } from '../../errors.js'
import { ByteTokens } from './byte-tokens.js'
import { PairRanks } from './pair-ranks.js'
import { WordCache } from './word-cache.js'

/** Most symbols of a word, up to three per UTF-16 unit; a rank and a position fit one exact number. */
const maxSymbols = 2 ** 26

/** Two neighbours that become one token; in one string, a space stands between them. */
export type Merge = string | readonly [string, string]

/** A BPE model of a tokenizer.json, its shape checked. */
export interface BpeModel {
  /** The first has the lowest rank. */
  merges: readonly Merge[]
  unknown: number | undefined
  /** Unknown neighbours become one token. */
  fuseUnknown: boolean
  /** A word that is a token as it stands is not merged. */
  ignoreMerges: boolean
  byteFallback: boolean
  /** Stands before every symbol of a word but the first, or is empty. */
  continuingPrefix: string
  /** Stands behind the last symbol of a word, or is empty. */
  suffix: string
}

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
  readonly #ranks: PairRanks
  /** Rank to the id of the merged token. */
  readonly #merged: Uint32Array
  readonly #bytes: ByteTokens | undefined
  readonly #model: BpeModel
  readonly #cache = new WordCache()

  /**
   * @param where names the file and the field in errors.
   * @throws LLMError ERR_TOKENIZER_INVALID when a merge names or makes a token that is not in the vocabulary.
   */
  constructor(model: BpeModel, vocabulary: ReadonlyMap<string, number>, where: string) {
    this.#vocabulary = vocabulary
    this.#model = model
    this.#bytes = model.byteFallback ? new ByteTokens(vocabulary) : undefined
    const { merges, continuingPrefix } = model
    this.#merged = new Uint32Array(merges.length)
    this.#ranks = new PairRanks(merges.length)
    for (let rank = 0; rank < merges.length; rank++) {
      const merge = merges[rank]!
      const space = typeof merge === 'string' ? merge.indexOf(' ', 1) : 0
      const left = typeof merge === 'string' ? merge.slice(0, space) : merge[0]
      const right = typeof merge === 'string' ? merge.slice(space + 1) : merge[1]
      const a = vocabulary.get(left)
      const b = vocabulary.get(right)
      const whole = vocabulary.get(left + (continuingPrefix === '' ? right : right.slice(continuingPrefix.length)))
      if (a === undefined || b === undefined || whole === undefined) {
        throw new LLMError(
          'ERR_TOKENIZER_INVALID',
          `${where}.merges[${rank}]: expected tokens of the vocabulary, found ${JSON.stringify([left, right])}`,
        )
      }
      this.#ranks.set(a, b, rank)
      this.#merged[rank] = whole
    }
  }

  /** Appends the ids of `word` to `ids`. */
  encode(word: string, ids: number[]): void {
    const whole = this.#model.ignoreMerges ? this.#vocabulary.get(word) : undefined
    if (whole !== undefined) {
      ids.push(whole)
      return
    }
    this.#cache.encode(word, ids, (text, found) => this.#merge(text, found))
  }

  #merge(word: string, ids: number[]): void {
    // Symbol i is `symbols[i]`, its right neighbour `next[i]`, its left one `previous[i]`. -1 means merged away, or no
    // neighbour.
    const symbols = this.#symbols(word)
    const count = symbols.length
    const next = new Int32Array(count)
    const previous = new Int32Array(count)
    const queue = new Queue()
    const offer = (left: number): void => {
      const right = next[left]!
      const rank = right < 0 ? -1 : this.#ranks.get(symbols[left]!, symbols[right]!)
      if (rank >= 0) queue.push(rank * maxSymbols + left)
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
      const now = this.#ranks.get(symbols[left]!, symbols[right]!)
      if (now < 0 || this.#merged[now] !== this.#merged[rank]) continue
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
    const { continuingPrefix, suffix, unknown: unknownId, fuseUnknown } = this.#model
    const largest = this.#bytes === undefined ? 1 : 3 * (1 + continuingPrefix.length)
    const size = word.length * largest + 3 * suffix.length
    if (size > maxSymbols) throw new RangeError(`a word of ${word.length} characters is too long`)
    const symbols = new Int32Array(size)
    let count = 0
    let unknown = false
    let at = 0
    for (const character of word) {
      const prefix = at === 0 ? '' : continuingPrefix
      at += character.length
      const symbol = prefix + character + (at === word.length ? suffix : '')
      const id = this.#vocabulary.get(symbol)
      const bytes = id === undefined ? this.#bytes?.encode(symbol) : undefined
      if (id !== undefined) symbols[count++] = id
      else if (bytes !== undefined) for (const byte of bytes) symbols[count++] = byte
      else {
        if (unknownId !== undefined && !(unknown && fuseUnknown)) symbols[count++] = unknownId
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
