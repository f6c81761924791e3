// @ts-check

/** A control sequence, else one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a terminal obeys
const tokens = /\x1b\[\??([\d;]*)([A-Za-z])|[\s\S]/gu

/**
 * The screen of a terminal that gets what a program writes: printable characters, line ends, and the control sequences that Node's readline and
 * our progress line use. A line is as long as it gets.
 */
export class Terminal {
  /** @type {string[][]} one cell a character */
  #rows = [[]]
  #row = 0
  #column = 0

  /** @param {string} text */
  write(text) {
    for (const [token, digits, command] of text.matchAll(tokens)) {
      if (command !== undefined) this.#control(command, Number(digits || '0'))
      else if (token === '\n') this.#newLine()
      else if (token === '\r') this.#column = 0
      else if (token >= ' ') this.#put(token)
    }
  }

  /** The lines, without blanks at their ends and without empty lines at the end. */
  get lines() {
    const lines = this.#rows.map((row) =>
      Array.from(row, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    )
    while (lines.at(-1) === '') lines.pop()
    return lines
  }

  #newLine() {
    this.#row++
    this.#rows[this.#row] ??= []
  }

  /** @param {string} character */
  #put(character) {
    const row = this.#rows[this.#row]
    if (row) row[this.#column++] = character
  }

  /**
   * @param {string} command
   * @param {number} count 0 when none is given
   */
  #control(command, count) {
    const row = this.#rows[this.#row] ?? []
    if (command === 'G') this.#column = Math.max(0, count - 1)
    else if (command === 'C') this.#column += count || 1
    else if (command === 'D') this.#column = Math.max(0, this.#column - (count || 1))
    else if (command === 'K' || command === 'J') row.length = Math.min(row.length, this.#column)
  }
}
