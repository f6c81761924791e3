const capacity = 10_000
const maxLength = 256

/** Remembers the ids of words, because texts repeat them. Forgets all of them when it is full. */
export class WordCache {
  readonly #ids = new Map<string, readonly number[]>()

  /** Appends the ids of `word` to `ids`: remembered ones, else those that `encode` appends. */
  encode(word: string, ids: number[], encode: (word: string, ids: number[]) => void): void {
    const known = this.#ids.get(word)
    if (known !== undefined) {
      for (const id of known) ids.push(id)
      return
    }
    const start = ids.length
    encode(word, ids)
    if (word.length > maxLength) return
    if (this.#ids.size >= capacity) this.#ids.clear()
    this.#ids.set(word, ids.slice(start))
  }
}
