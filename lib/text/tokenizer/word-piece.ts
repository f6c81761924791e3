import { Trie } from './trie.js'
import { noUnknownToken } from './unknown-token.js'

/** A WordPiece model of a tokenizer.json, its shape checked. */
export interface WordPieceModel {
  /** Id of the unknown token, if the vocabulary has it. */
  unknown: number | undefined
  /** Stands before a token that continues a word. */
  continuingPrefix: string
  /** Longer words are unknown, in characters. */
  maxCharacters: number
}

/**
 * BERT's WordPiece: takes the longest token again and again; a word that cannot be written so is one unknown token.
 * Takes O(n · m) for a word of n characters and m characters in the longest token that matches.
 */
export class WordPiece {
  readonly #trie: Trie
  readonly #maxCharacters: number
  /** The node behind the continuing prefix. */
  readonly #continuing: number
  readonly #unknown: number | undefined
  readonly #where: string

  /** @param where names the file and the field in errors. */
  constructor(model: WordPieceModel, vocabulary: ReadonlyMap<string, number>, where: string) {
    this.#trie = new Trie(vocabulary, `${where}.vocab`)
    this.#maxCharacters = model.maxCharacters
    this.#continuing = this.#trie.find(model.continuingPrefix)
    this.#unknown = model.unknown
    this.#where = where
  }

  /**
   * Appends the ids of `word` to `ids`.
   * @throws LLMError ERR_TOKENIZER_INVALID for an unknown word when the model has no unknown token.
   */
  encode(word: string, ids: number[]): void {
    const from = ids.length
    let known = word.length <= this.#maxCharacters || countCharacters(word) <= this.#maxCharacters
    for (let start = 0; known && start < word.length; ) {
      let node = start === 0 ? Trie.root : this.#continuing
      let longest = start
      let token = -1
      for (let end = start + 1; node >= 0 && end <= word.length; end++) {
        node = this.#trie.next(node, word.charCodeAt(end - 1))
        const id = node < 0 ? -1 : this.#trie.valueAt(node)
        if (id < 0) continue
        longest = end
        token = id
      }
      known = token >= 0
      if (known) ids.push(token)
      start = longest
    }
    if (known) return
    if (this.#unknown === undefined) throw noUnknownToken(`${this.#where}.unk_token`, word)
    ids.length = from
    ids.push(this.#unknown)
  }
}

function countCharacters(text: string): number {
  let count = 0
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) count++
  return count
}
