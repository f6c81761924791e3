import type { Segment } from '../stage.js'

/** Text, or a marker that was looked for. */
export type Found = { marker: string } & Segment

/**
 * Finds markers in text that comes in pieces. A marker that is a special token of the model is only found as that token: the same letters
 * in a text are text.
 */
export class MarkerScanner {
  /** Text that may begin a marker. */
  #held = ''

  /** @param isSpecial whether a marker is a special token of the model */
  constructor(readonly isSpecial: (marker: string) => boolean) {}

  /**
   * The next stretch of text or marker; undefined when more text is needed to tell.
   * @param rest pieces that have not been looked at; what was looked at is taken out
   * @param markers those that count now
   */
  next(rest: Segment[], markers: readonly string[]): Found | undefined {
    for (;;) {
      const piece = rest[0]
      if (piece === undefined) return undefined
      if (piece.kind !== undefined || piece.special) {
        if (this.#held !== '') return this.#release()
        rest.shift()
        const marker = piece.kind === undefined && markers.includes(piece.text) ? piece.text : ''
        return { ...piece, marker }
      }
      const words = markers.filter((marker) => !this.isSpecial(marker))
      const text = this.#held + piece.text
      const starts = words.map((word) => text.indexOf(word)).filter((start) => start >= 0)
      const start = Math.min(...starts, text.length)
      if (start > 0) {
        const settled = start < text.length ? start : text.length - begun(text, words)
        this.#held = ''
        piece.text = text.slice(settled)
        if (start === text.length) {
          rest.shift()
          this.#held = piece.text
        }
        if (settled > 0) return { text: text.slice(0, settled), special: false, marker: '' }
        continue
      }
      if (starts.length === 0) {
        rest.shift()
        continue
      }
      // The longest of those that start together.
      const marker = words.filter((word) => text.startsWith(word)).reduce((a, b) => (b.length > a.length ? b : a))
      this.#held = ''
      piece.text = text.slice(marker.length)
      if (piece.text === '') rest.shift()
      return { text: marker, special: false, marker }
    }
  }

  /** What was held back. */
  end(): Found | undefined {
    return this.#held === '' ? undefined : this.#release()
  }

  #release(): Found {
    const text = this.#held
    this.#held = ''
    return { text, special: false, marker: '' }
  }
}

/** How many characters at the end of `text` may begin one of the words. */
function begun(text: string, words: readonly string[]): number {
  return Math.max(
    0,
    ...words.map((word) => {
      let length = Math.min(text.length, word.length - 1)
      while (length > 0 && !text.endsWith(word.slice(0, length))) length--
      return length
    }),
  )
}
