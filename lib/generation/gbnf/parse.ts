import { LLMError } from '../../errors.js'

/** What a rule of GBNF says. */
export type Node =
  | { type: 'text'; text: string }
  /** One character; `source` is a class of a regular expression. */
  | { type: 'character'; source: string }
  /** A token, as `<name>` or `<[id]>`. */
  | { type: 'token'; token: string }
  | { type: 'rule'; name: string }
  | { type: 'sequence' | 'choice'; of: readonly Node[] }
  | { type: 'repeat'; of: Node; least: number; most: number }

const mostRules = 1000
const deepest = 64

/**
 * Reads llama.cpp's GBNF: its rules by name.
 * @throws LLMError ERR_GRAMMAR that names the line, what was expected and what was found
 */
export function parseGbnf(source: string): ReadonlyMap<string, Node> {
  const reader = new Reader(source)
  const rules = new Map<string, Node>()
  for (reader.space(true); !reader.atEnd; reader.space(true)) {
    const name = reader.name()
    reader.space(false)
    reader.expect('::=')
    reader.space(true)
    if (rules.has(name)) throw reader.wrong(`the rule ${name} once`, 'a second one')
    if (rules.size === mostRules) throw reader.wrong(`at most ${mostRules} rules`, 'more')
    rules.set(name, reader.choice(0))
    if (!reader.atEnd && !reader.atLineEnd) throw reader.wrong('the end of the line')
  }
  return rules
}

class Reader {
  #at = 0

  constructor(readonly source: string) {}

  get atEnd(): boolean {
    return this.#at >= this.source.length
  }

  get atLineEnd(): boolean {
    return this.source[this.#at] === '\n' || this.source[this.#at] === '\r'
  }

  /** Skips white space and comments. */
  space(lines: boolean): void {
    const pattern = lines ? /(?:[ \t\r\n]|#[^\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y
    this.#match(pattern)
  }

  name(): string {
    const name = this.#match(/[A-Za-z0-9_-]+/y)
    if (name === undefined || name === '') throw this.wrong('the name of a rule')
    return name
  }

  expect(text: string): void {
    if (!this.#take(text)) throw this.wrong(text)
  }

  choice(depth: number): Node {
    if (depth > deepest) throw this.wrong(`groups in at most ${deepest} others`, 'more')
    const of = [this.#sequence(depth)]
    for (;;) {
      const before = this.#at
      this.space(true)
      if (!this.#take('|')) {
        // Outside of groups a rule ends with its line.
        this.#at = before
        return of.length === 1 ? (of[0] as Node) : { type: 'choice', of }
      }
      this.space(true)
      of.push(this.#sequence(depth))
    }
  }

  #sequence(depth: number): Node {
    const of: Node[] = []
    for (;;) {
      const item = this.#item(depth)
      if (item === undefined) break
      of.push(this.#repeated(item))
      this.space(depth > 0)
    }
    return of.length === 1 ? (of[0] as Node) : { type: 'sequence', of }
  }

  #item(depth: number): Node | undefined {
    const next = this.source[this.#at]
    if (next === undefined) return undefined
    if (next === '"') return this.#text()
    if (next === '[') return this.#class()
    if (this.#take('.')) return { type: 'character', source: '(?s:.)' }
    if (this.#take('(')) {
      this.space(true)
      const inner = this.choice(depth + 1)
      this.space(true)
      this.expect(')')
      return inner
    }
    if (next === '!') throw this.wrong('a token without !', 'any token but one, which is not supported')
    if (next === '<') {
      const token = this.#match(/<[^<>\s]+>/y)
      if (token === undefined) throw this.wrong('a token as <name> or <[id]>')
      return { type: 'token', token }
    }
    const name = this.#match(/[A-Za-z0-9_-]+/y)
    return name === undefined ? undefined : { type: 'rule', name }
  }

  #repeated(of: Node): Node {
    let node = of
    for (;;) {
      const sign = this.#match(/[*+?]/y)
      const counts = sign === undefined ? this.#match(/\{\s*\d+\s*(?:,\s*\d*\s*)?\}/y) : undefined
      if (sign === undefined && counts === undefined) {
        if (this.source[this.#at] === '{') throw this.wrong('{m}, {m,} or {m,n}')
        return node
      }
      const [least = '', most = least] = counts?.slice(1, -1).split(',') ?? bounds[sign as keyof typeof bounds]
      node = {
        type: 'repeat',
        of: node,
        least: Number(least),
        most: most.trim() === '' ? Number.POSITIVE_INFINITY : Number(most),
      }
      if (node.most < node.least) throw this.wrong('counts that ascend', counts)
    }
  }

  #text(): Node {
    this.#at++
    let text = ''
    while (!this.#take('"')) text += String.fromCodePoint(this.#character())
    return { type: 'text', text }
  }

  #class(): Node {
    this.#at++
    const negated = this.#take('^')
    let source = ''
    while (!this.#take(']')) {
      const first = this.#character()
      const last = this.source[this.#at] === '-' && this.source[this.#at + 1] !== ']' ? this.#rangeEnd() : first
      if (last < first) throw this.wrong('a range that ascends', 'one that does not')
      source += last === first ? code(first) : `${code(first)}-${code(last)}`
    }
    if (source === '') throw this.wrong('characters in [ ]', 'none')
    return { type: 'character', source: `[${negated ? '^' : ''}${source}]` }
  }

  #rangeEnd(): number {
    this.#at++
    return this.#character()
  }

  /** A character of a text or a class: its code point. */
  #character(): number {
    const point = this.source.codePointAt(this.#at)
    if (point === undefined || point === 0x0a) throw this.wrong('the end of a text or a class')
    this.#at += point > 0xffff ? 2 : 1
    const found = point === 0x5c ? this.#escape() : point
    if (found > 0x10ffff || (found >= 0xd800 && found < 0xe000)) {
      throw this.wrong('a Unicode character', `the number ${found.toString(16)}`)
    }
    return found
  }

  #escape(): number {
    const sign = this.source[this.#at] ?? ''
    const digits = { x: 2, u: 4, U: 8 }[sign]
    if (digits === undefined) {
      const known = Object.hasOwn(escapes, sign) ? escapes[sign] : undefined
      if (known === undefined) throw this.wrong('an escape of GBNF', `\\${sign}`)
      this.#at++
      return known.codePointAt(0) as number
    }
    const hex = this.source.slice(this.#at + 1, this.#at + 1 + digits)
    if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length !== digits) throw this.wrong(`${digits} hexadecimal digits`)
    this.#at += 1 + digits
    return Number.parseInt(hex, 16)
  }

  #take(text: string): boolean {
    if (!this.source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.source) ?? []
    this.#at += found?.length ?? 0
    return found
  }

  wrong(expected: string, found = this.#next()): LLMError {
    const line = this.source.slice(0, this.#at).split('\n').length
    return new LLMError('ERR_GRAMMAR', `GBNF, line ${line}: expected ${expected}, found ${found}`)
  }

  #next(): string {
    const [text = ''] = /^[^\r\n]{0,20}/.exec(this.source.slice(this.#at, this.#at + 20)) ?? []
    return text !== '' ? text : this.atEnd ? 'the end' : 'the end of the line'
  }
}

const bounds = { '*': ['0', ''], '+': ['1', ''], '?': ['0', '1'] } as const
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '"': '"',
  '[': '[',
  ']': ']',
}

/** A character as it stands in a class of a regular expression. */
const code = (point: number): string =>
  /[A-Za-z0-9]/.test(String.fromCodePoint(point)) ? String.fromCodePoint(point) : `\\x{${point.toString(16)}}`
