import { noUnknownToken } from './unknown-token.js'

/** The WordLevel model of a tokenizer.json: each word is one token, or the unknown one. */
export class WordLevel {
  readonly #vocabulary: ReadonlyMap<string, number>
  readonly #unknown: number | undefined
  readonly #where: string

  /**
   * @param unknown id of the model's `unk_token`, if the vocabulary has it.
   * @param where names the file and the field in errors.
   */
  constructor(vocabulary: ReadonlyMap<string, number>, unknown: number | undefined, where: string) {
    this.#vocabulary = vocabulary
    this.#unknown = unknown
    this.#where = where
  }

  /**
   * Appends the id of `word` to `ids`.
   * @throws LLMError ERR_TOKENIZER_INVALID for an unknown word when the model has no unknown token.
   */
  encode(word: string, ids: number[]): void {
    const id = this.#vocabulary.get(word) ?? this.#unknown
    if (id === undefined) throw noUnknownToken(`${this.#where}.unk_token`, word)
    ids.push(id)
  }
}
