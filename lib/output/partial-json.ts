/** A container that has not ended. */
interface Open {
  value: Record<string, unknown> | unknown[]
  /** The key that a value is awaited for. */
  key?: string | undefined
  wantsKey: boolean
}

/**
 * A JSON value while its text comes, a piece at a time; each character is read once. Strings grow as they come; numbers and words are there
 * when they have ended. It expects valid JSON: what is not is ignored from there on.
 */
export class PartialJson {
  #root: unknown
  readonly #open: Open[] = []
  /** The string or number that has not ended. */
  #text: string | undefined
  #quoted = false
  #escape = ''
  #isKey = false

  /** Takes a piece. */
  push(text: string): void {
    for (const character of text) this.#take(character)
  }

  /** What there is so far; undefined before anything is. What is still growing is copied, so that it may be kept. */
  get value(): unknown {
    let inner: unknown = this.#quoted && !this.#isKey ? this.#text : undefined
    for (const { value, key } of [...this.#open].reverse()) {
      const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value }
      if (inner !== undefined) put(copy, key, inner)
      inner = copy
    }
    return inner ?? this.#root
  }

  #take(character: string): void {
    if (this.#quoted) {
      this.#inString(character)
      return
    }
    if (this.#text !== undefined) {
      if (/[^\s,\]}]/.test(character)) {
        this.#text += character
        return
      }
      this.#settle(parsed(this.#text))
      this.#text = undefined
    }
    const top = this.#open.at(-1)
    if (character === '"') {
      this.#quoted = true
      this.#text = ''
      this.#isKey = top?.wantsKey === true
    } else if (character === '{') this.#open.push({ value: {}, wantsKey: true })
    else if (character === '[') this.#open.push({ value: [], wantsKey: false })
    else if (character === '}' || character === ']') {
      const ended = this.#open.pop()
      if (ended) this.#settle(ended.value)
    } else if (character === ',' && top) top.wantsKey = !Array.isArray(top.value)
    else if (/[^\s:]/.test(character)) this.#text = character
  }

  #inString(character: string): void {
    if (this.#escape !== '' || character === '\\') {
      this.#escape += character
      if (this.#escape.length < (this.#escape[1] === 'u' ? 6 : 2)) return
      this.#text += String(parsed(`"${this.#escape}"`))
      this.#escape = ''
    } else if (character === '"') {
      const text = this.#text ?? ''
      this.#quoted = false
      this.#text = undefined
      const top = this.#open.at(-1)
      if (!this.#isKey) this.#settle(text)
      else if (top) Object.assign(top, { key: text, wantsKey: false })
    } else this.#text += character
  }

  #settle(value: unknown): void {
    const top = this.#open.at(-1)
    if (top) put(top.value, top.key, value)
    else this.#root = value
  }
}

function put(container: Record<string, unknown> | unknown[], key: string | undefined, value: unknown): void {
  if (Array.isArray(container)) container.push(value)
  // A key `__proto__` is a key like any other.
  else if (key !== undefined) {
    Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
