import type { GenerationStream } from '../generation/stream.js'

/** The generations that run, for a server that closes. */
export class Running {
  readonly #abort = new Map<GenerationStream, () => void>()
  #emptied: (() => void) | undefined

  get count(): number {
    return this.#abort.size
  }

  /** @param abort ends it */
  add(answer: GenerationStream, abort: () => void): void {
    this.#abort.set(answer, abort)
    const ended = () => {
      this.#abort.delete(answer)
      if (this.#abort.size === 0) this.#emptied?.()
    }
    answer.result.then(ended, ended)
  }

  /** Resolves when none runs; those that run after so many milliseconds are ended. */
  async drain(milliseconds: number): Promise<void> {
    if (this.#abort.size === 0) return
    const empty = new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    const timer = setTimeout(() => {
      for (const abort of this.#abort.values()) abort()
    }, milliseconds)
    await empty
    clearTimeout(timer)
  }
}
