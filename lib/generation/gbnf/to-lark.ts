import { LLMError } from '../../errors.js'
import { larkText } from '../../grammar/lark.js'
import { type Node, parseGbnf } from './parse.js'

/**
 * GBNF in llguidance's variant of Lark. What is regular becomes terminals, as long as can be: the library reads an answer as one terminal
 * behind another and never tries a shorter one.
 * @throws LLMError ERR_GRAMMAR, in words about the GBNF
 */
export function gbnfToLark(source: string): string {
  const rules = parseGbnf(source)
  if (!rules.has('root')) throw new LLMError('ERR_GRAMMAR', 'GBNF: expected a rule root, found none')
  return new Translation(rules).lines().join('\n')
}

class Translation {
  readonly #rules: ReadonlyMap<string, Node>
  /** Of each rule whether it is regular; undefined while that is looked at, which a rule that leads to itself is not. */
  readonly #regular = new Map<string, boolean | undefined>()
  readonly #terminals = new Map<string, string>()
  readonly #numbers: ReadonlyMap<string, number>

  constructor(rules: ReadonlyMap<string, Node>) {
    this.#rules = rules
    this.#numbers = new Map([...rules.keys()].map((name, i) => [name, i]))
  }

  lines(): string[] {
    const lines = [`start: ${this.#called('root')}`]
    for (const [name, node] of this.#rules) {
      if (!this.#isRegularRule(name)) lines.push(`${this.#called(name)}: ${this.#rule(node)}`)
      else lines.push(`${this.#called(name)}: ${this.#terminal(node)}`)
    }
    for (const [expression, name] of this.#terminals) lines.push(`${name}: ${expression}`)
    return lines
  }

  #called(name: string): string {
    return `${this.#isRegularRule(name) ? 'T' : 'r'}${this.#numbers.get(name)}`
  }

  #isRegularRule(name: string): boolean {
    const node = this.#rules.get(name)
    if (node === undefined) throw new LLMError('ERR_GRAMMAR', `GBNF: expected a rule ${name}, found none`)
    if (this.#regular.has(name)) return this.#regular.get(name) ?? false
    this.#regular.set(name, undefined)
    const regular = this.#isRegular(node)
    this.#regular.set(name, regular)
    return regular
  }

  #isRegular(node: Node): boolean {
    switch (node.type) {
      case 'text':
      case 'character':
        return true
      case 'token':
        return false
      case 'rule':
        return this.#isRegularRule(node.name)
      case 'repeat':
        return this.#isRegular(node.of)
      case 'sequence':
      case 'choice':
        return node.of.every((one) => this.#isRegular(one))
    }
  }

  /** What a terminal is made of. */
  #terminal(node: Node): string {
    switch (node.type) {
      case 'text':
        return larkText(node.text)
      case 'character':
        return `/${node.source}/`
      case 'rule':
        return this.#called(node.name)
      case 'token':
        throw new Error('a token is part of no terminal')
      default:
        return compound(node, (one) => this.#terminal(one))
    }
  }

  /** What a rule that is not regular is made of. */
  #rule(node: Node): string {
    if (node.type === 'token') return node.token
    if (node.type === 'rule') return this.#called(node.name)
    if (node.type === 'text' || node.type === 'character' || this.#isRegular(node)) return this.#named(node)
    if (node.type !== 'sequence') return compound(node, (one) => this.#rule(one))
    // Neighbours that are regular are one terminal.
    const parts: string[] = []
    let run: Node[] = []
    const end = () => {
      if (run.length > 0) parts.push(this.#named(run.length === 1 ? (run[0] as Node) : { type: 'sequence', of: run }))
      run = []
    }
    for (const one of node.of) {
      if (this.#isRegular(one)) run.push(one)
      else {
        end()
        parts.push(this.#rule(one))
      }
    }
    end()
    return parts.join(' ')
  }

  /** The name of a terminal. */
  #named(node: Node): string {
    const expression = this.#terminal(node)
    if (/^T\d+$/.test(expression)) return expression
    const known = this.#terminals.get(expression)
    if (known !== undefined) return known
    const name = `X${this.#terminals.size}`
    this.#terminals.set(expression, name)
    return name
  }
}

function compound(node: Extract<Node, { of: unknown }>, part: (node: Node) => string): string {
  if (node.type !== 'repeat') {
    if (node.of.length === 0) return '""'
    return `(${node.of.map(part).join(node.type === 'choice' ? ' | ' : ' ')})`
  }
  const { least, most } = node
  const inner = `(${part(node.of)})`
  if (most === Number.POSITIVE_INFINITY)
    return least === 0 ? `${inner}*` : least === 1 ? `${inner}+` : `${inner}{${least},}`
  return least === 0 && most === 1 ? `${inner}?` : `${inner}{${least},${most}}`
}
