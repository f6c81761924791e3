import type { CallEvent } from './call-events.js'
import type { CallReader, KnownTool } from './call-reader.js'
import { literal, python } from './literals.js'

const parameterEnd = '</parameter>'

/** Reads `<function=name><parameter=key>value</parameter>…</function>`, as Qwen3-Coder writes calls. */
export class XmlCalls implements CallReader {
  state: CallReader['state'] = 'reading'
  readonly #tools: readonly KnownTool[]
  #text = ''
  #name: string | undefined
  #key: string | undefined
  #count = 0

  /** @param tools their schemas tell which values are strings */
  constructor(tools: readonly KnownTool[]) {
    this.#tools = tools
  }

  take(character: string): readonly CallEvent[] {
    this.#text += character
    if (character !== '>') {
      // Nothing but whitespace stands between tags.
      if (this.#key === undefined && !/^\s*(<|$)/.test(this.#text)) this.state = 'failed'
      return []
    }
    return this.#key === undefined ? this.#takeTag() : this.#takeValue(this.#key)
  }

  #takeTag(): readonly CallEvent[] {
    const tag = this.#text.trim()
    this.#text = ''
    const [, name] = /^<function=([^>]+)>$/.exec(tag) ?? []
    const [, key] = /^<parameter=([^>]+)>$/.exec(tag) ?? []
    if (name !== undefined && this.#name === undefined) {
      this.#name = name
      return [{ type: 'start', name }]
    }
    if (this.#name !== undefined && key !== undefined) this.#key = key
    else if (this.#name !== undefined && tag === '</function>') {
      this.state = 'done'
      return [{ type: 'delta', argumentsText: this.#count === 0 ? '{}' : '}' }, { type: 'end' }]
    } else this.state = 'failed'
    return []
  }

  #takeValue(key: string): readonly CallEvent[] {
    if (!this.#text.endsWith(parameterEnd)) return []
    // The template puts a line break on both sides.
    const text = this.#text.slice(0, -parameterEnd.length).replace(/^\n/, '').replace(/\n$/, '')
    this.#text = ''
    this.#key = undefined
    const value = JSON.stringify(this.#isString(key) ? text : parsed(text))
    return [{ type: 'delta', argumentsText: `${this.#count++ === 0 ? '{' : ', '}${JSON.stringify(key)}: ${value}` }]
  }

  #isString(key: string): boolean {
    const tool = this.#tools.find(({ name }) => name === this.#name)
    const { properties } = (tool?.parameters ?? {}) as { properties?: Record<string, { type?: unknown }> }
    return properties !== undefined && Object.hasOwn(properties, key) && properties[key]?.type === 'string'
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    try {
      return literal(text, python)
    } catch {
      return text
    }
  }
}
