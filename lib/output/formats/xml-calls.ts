import type { CallEvent } from './call-events.js'
import type { CallReader, KnownTool } from './call-reader.js'
import { JsonValue } from './json-value.js'
import { literal, python } from './literals.js'

/** The end of a value and the tag behind it: a value may hold the letters of the end alone. */
export const parameterEnd = /<\/parameter>\s*<(?:parameter=|\/function>)/
const tagBegins = ['<parameter=', '</function>']

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
    if (this.#key !== undefined) return this.#takeValue(this.#key)
    if (character !== '>') {
      // Nothing but whitespace stands between tags.
      if (!/^\s*(<|$)/.test(this.#text)) this.state = 'failed'
      return []
    }
    return this.#takeTag()
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
    const tag = tagBegins.find((begin) => this.#text.endsWith(begin))
    if (tag === undefined) return []
    const before = this.#text.slice(0, -tag.length).trimEnd()
    if (!before.endsWith('</parameter>')) return []
    // The template puts a line break on both sides.
    const text = before.slice(0, -'</parameter>'.length).replace(/^\n/, '').replace(/\n$/, '')
    const string = this.#isString(key)
    if (!string && isCut(text)) return []
    this.#text = tag
    this.#key = undefined
    const value = JSON.stringify(string ? text : parsed(text))
    const argumentsText = `${this.#count++ === 0 ? '{' : ', '}${JSON.stringify(key)}: ${value}`
    return [{ type: 'delta', argumentsText }, ...(tag.endsWith('>') ? this.#takeTag() : [])]
  }

  #isString(key: string): boolean {
    const tool = this.#tools.find(({ name }) => name === this.#name)
    const { properties } = (tool?.parameters ?? {}) as { properties?: Record<string, { type?: unknown }> }
    return properties !== undefined && Object.hasOwn(properties, key) && properties[key]?.type === 'string'
  }
}

/** Whether JSON has begun that has not ended. */
function isCut(text: string): boolean {
  if (!/^\s*["[{]/.test(text) || parsed(text) !== text) return false
  const value = new JsonValue()
  for (const character of text.trimStart()) value.take(character)
  return !value.done
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
