/** How a language writes values. */
export interface LiteralSyntax {
  /** What stands at both ends of a string. */
  quotes: readonly string[]
  /** Whether a backslash in a string means something. */
  escapes: boolean
}

export const python: LiteralSyntax = { quotes: ["'", '"'], escapes: true }

const words: Readonly<Record<string, unknown>> = {
  True: true,
  true: true,
  False: false,
  false: false,
  None: null,
  null: null,
}
const escaped: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' }
const closing: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}' }

/** Deepest nesting: a value comes from a model. */
const maxDepth = 64

/**
 * The value of a literal: strings, numbers, booleans, nothing, lists, and mappings, whose keys need no quotes.
 * @throws SyntaxError
 */
export function literal(text: string, syntax: LiteralSyntax): unknown {
  const reader = new LiteralReader(text, syntax)
  const value = reader.value(0)
  reader.end()
  return value
}

class LiteralReader {
  #at = 0

  constructor(
    readonly text: string,
    readonly syntax: LiteralSyntax,
  ) {}

  end(): void {
    this.#space()
    if (this.#at < this.text.length) throw this.#wrong()
  }

  value(depth: number): unknown {
    if (depth > maxDepth) throw new SyntaxError('nested too deeply')
    this.#space()
    const quoted = this.#string()
    if (quoted !== undefined) return quoted
    const open = this.text[this.#at] ?? ''
    if (open === '[' || open === '(') return this.#list(open, depth)
    if (open === '{') return this.#mapping(depth)
    const [word = ''] = /^[\w.+-]+/.exec(this.text.slice(this.#at, this.#at + 400)) ?? []
    this.#at += word.length
    if (Object.hasOwn(words, word)) return words[word]
    if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(word)) return Number(word)
    throw this.#wrong()
  }

  #list(open: string, depth: number): unknown[] {
    const items: unknown[] = []
    this.#at++
    while (!this.#ends(closing[open] as string)) {
      items.push(this.value(depth + 1))
      this.#separator(closing[open] as string)
    }
    return items
  }

  #mapping(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = []
    this.#at++
    while (!this.#ends('}')) {
      const key = this.#string() ?? this.#bareKey()
      this.#space()
      if (this.text[this.#at++] !== ':') throw this.#wrong()
      entries.push([key, this.value(depth + 1)])
      this.#separator('}')
    }
    return Object.fromEntries(entries)
  }

  #bareKey(): string {
    const colon = this.text.indexOf(':', this.#at)
    if (colon < 0) throw this.#wrong()
    const key = this.text.slice(this.#at, colon).trim()
    this.#at = colon
    return key
  }

  #ends(close: string): boolean {
    this.#space()
    if (this.text[this.#at] !== close) return false
    this.#at++
    return true
  }

  #separator(close: string): void {
    this.#space()
    if (this.text[this.#at] === ',') this.#at++
    else if (this.text[this.#at] !== close) throw this.#wrong()
  }

  #string(): string | undefined {
    const quote = this.syntax.quotes.find((one) => this.text.startsWith(one, this.#at))
    if (quote === undefined) return undefined
    this.#at += quote.length
    let value = ''
    while (!this.text.startsWith(quote, this.#at)) {
      const character = this.text[this.#at++]
      if (character === undefined) throw this.#wrong()
      if (character !== '\\' || !this.syntax.escapes) {
        value += character
        continue
      }
      const next = this.text[this.#at++] ?? ''
      const [, hex] = (next === 'u' && /^([0-9a-fA-F]{4})/.exec(this.text.slice(this.#at, this.#at + 4))) || []
      if (hex !== undefined) this.#at += 4
      value += hex === undefined ? (escaped[next] ?? next) : String.fromCharCode(Number.parseInt(hex, 16))
    }
    this.#at += quote.length
    return value
  }

  #space(): void {
    while (/\s/.test(this.text[this.#at] ?? '')) this.#at++
  }

  #wrong(): SyntaxError {
    return new SyntaxError(`expected a value at ${this.#at}`)
  }
}
