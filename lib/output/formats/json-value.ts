/** Finds the end of one JSON value, a character at a time. */
export class JsonValue {
  /** The value so far. */
  text = ''
  done = false
  #depth = 0
  #string = false
  #escaped = false

  /** Whether the character belongs to the value. One that does not ends a number or a word. */
  take(character: string): boolean {
    if (this.#string) this.#inString(character)
    else if (this.#depth === 0 && this.text !== '' && /[\s,\]}]/.test(character)) {
      this.done = true
      return false
    } else if (character === '"') this.#string = true
    else if (character === '{' || character === '[') this.#depth++
    else if (character === '}' || character === ']') this.#depth--
    this.text += character
    this.done = !this.#string && this.#depth <= 0 && /["}\]]/.test(character)
    return true
  }

  #inString(character: string): void {
    if (this.#escaped) this.#escaped = false
    else if (character === '\\') this.#escaped = true
    else if (character === '"') this.#string = false
  }
}
