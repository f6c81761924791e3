/** A token, and where its text stands. */
interface Placed {
  token: number
  start: number
  end: number
  reasons: boolean
}

/**
 * Says which tokens belong to which part: a token goes with the part that completes its text. Positions count UTF-16
 * units of all the answer's text, special tokens included.
 */
export class TokenLedger {
  /** Tokens with text that was released as reasoning. */
  reasoningTokens = 0
  #produced = 0
  #released = 0
  #waiting: Placed[] = []

  /** Tokens that are in no part yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** A token came, whose text has so many units. */
  add(token: number, length: number): void {
    const start = this.#produced
    this.#produced += length
    this.#waiting.push({ token, start, end: this.#produced, reasons: false })
  }

  /** So many units of text are in parts now, or were dropped by the last stage. */
  release(length: number, reasoning = false): void {
    const from = this.#released
    this.#released += length
    if (!reasoning) return
    for (const placed of this.#waiting) {
      if (placed.start >= this.#released) break
      if (placed.end > from && !placed.reasons) {
        placed.reasons = true
        this.reasoningTokens++
      }
    }
  }

  /** Forgets the tokens behind the one that reaches `position`: decoding may have run past a stop word. */
  cutAt(position: number): void {
    const last = this.#waiting.findIndex(({ end }) => end >= position)
    this.#waiting.splice(last + 1)
  }

  /** Takes the tokens whose text has been released. */
  take(): number[] {
    const held = this.#waiting.findIndex(({ end }) => end > this.#released)
    return this.#waiting.splice(0, held < 0 ? this.#waiting.length : held).map(({ token }) => token)
  }

  /** Takes all that is left. */
  takeAll(): number[] {
    return this.#waiting.splice(0).map(({ token }) => token)
  }
}
