import { ByteTokens } from './byte-tokens.js'
import { Trie } from './trie.js'
import { noUnknownToken } from './unknown-token.js'
import { WordCache } from './word-cache.js'

/** What an unknown character costs more than the least likely token. */
const unknownPenalty = 10
/** Words up to this length share the arrays of the search. */
const sharedLength = 1024

/** A Unigram model of a tokenizer.json, its shape checked. The id of a piece is its place in the list. */
export interface UnigramModel {
  /** Tokens with their log probabilities. */
  pieces: readonly (readonly [string, number])[]
  unknown: number | undefined
  byteFallback: boolean
}

/**
 * SentencePiece's Unigram model: of all ways to write a word with tokens of the vocabulary, the likeliest. Of equal ones
 * the search keeps the one that it found first, as the Rust library does, and it adds the scores in the same order, in
 * double precision: even ties come out alike. Takes O(n · m) for a word of n characters and m characters in the longest
 * token that matches. Whatever grows with the word lies in typed arrays, outside the JavaScript heap.
 *
 * Why not the tokenizer of @huggingface/tokenizers (0.2.0): of the 320 texts in each of our vectors it encodes 47 (T5),
 * 64 (XLM-R) and 34 (ALBERT) otherwise than the Rust library, and 270 and more where characters that are not in the
 * vocabulary become bytes, which it does not know. For a word of 1,000 to 40,000 characters it allocates 1,100 to 2,500
 * bytes a character on the heap.
 */
export class Unigram {
  readonly #trie: Trie
  readonly #scores: Float64Array
  readonly #vocabulary: ReadonlyMap<string, number>
  readonly #unknown: number | undefined
  readonly #unknownScore: number
  readonly #bytes: ByteTokens | undefined
  readonly #where: string
  readonly #cache = new WordCache()
  readonly #shared = arrays(sharedLength)

  /**
   * @param vocabulary tokens and ids; of equal tokens, the last.
   * @param where names the file and the field in errors.
   */
  constructor(model: UnigramModel, vocabulary: ReadonlyMap<string, number>, where: string) {
    this.#scores = Float64Array.from(model.pieces, ([, score]) => score)
    this.#vocabulary = vocabulary
    this.#trie = new Trie(vocabulary, `${where}.vocab`)
    this.#unknown = model.unknown
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), Infinity) - unknownPenalty
    this.#bytes = model.byteFallback ? new ByteTokens(vocabulary) : undefined
    this.#where = where
  }

  /**
   * Appends the ids of `word` to `ids`.
   * @throws LLMError ERR_TOKENIZER_INVALID for an unknown character when the model has no `unk_id`.
   */
  encode(word: string, ids: number[]): void {
    this.#cache.encode(word, ids, (text, found) => this.#search(text, found))
  }

  #search(word: string, ids: number[]): void {
    const length = word.length
    const { scores, starts, tokens } = length <= sharedLength ? this.#shared : arrays(length)
    starts.fill(-1, 0, length + 1)
    scores[0] = 0
    // The best way to write the text before `end`: its score, where its last token begins, and which that is.
    const offer = (start: number, end: number, id: number, score: number): void => {
      const total = score + scores[start]!
      if (starts[end]! >= 0 && total <= scores[end]!) return
      scores[end] = total
      starts[end] = start
      tokens[end] = id
    }
    for (let start = 0, step = 1; start < length; start += step) {
      step = word.codePointAt(start)! > 0xffff ? 2 : 1
      let single = false
      let node: number = Trie.root
      for (let end = start + 1; end <= length; end++) {
        node = this.#trie.next(node, word.charCodeAt(end - 1))
        if (node < 0) break
        const id = this.#trie.valueAt(node)
        if (id < 0) continue
        offer(start, end, id, this.#scores[id]!)
        single ||= end - start === step
      }
      if (!single) offer(start, start + step, this.#unknownId(word.slice(start, start + step)), this.#unknownScore)
    }
    const from = ids.length
    for (let end = length; end > 0; ) {
      let start = starts[end]!
      if (tokens[end] === this.#unknown) {
        // Neighbouring unknown characters become one token.
        while (start > 0 && tokens[start] === this.#unknown) start = starts[start]!
        // In reverse, because the whole list is turned round below.
        for (const id of this.#unknownIds(word.slice(start, end)).reverse()) ids.push(id)
      } else ids.push(tokens[end]!)
      end = start
    }
    for (let left = from, right = ids.length - 1; left < right; left++, right--) {
      const id = ids[left]!
      ids[left] = ids[right]!
      ids[right] = id
    }
  }

  #unknownIds(text: string): number[] {
    const id = this.#vocabulary.get(text)
    return id === undefined ? (this.#bytes?.encode(text) ?? [this.#unknown!]) : [id]
  }

  #unknownId(character: string): number {
    if (this.#unknown !== undefined) return this.#unknown
    throw noUnknownToken(`${this.#where}.unk_id`, character)
  }
}

const arrays = (length: number) => ({
  scores: new Float64Array(length + 1),
  starts: new Int32Array(length + 1),
  tokens: new Int32Array(length + 1),
})
