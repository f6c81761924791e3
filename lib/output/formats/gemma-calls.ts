import type { CallEvent } from './call-events.js'
import type { CallReader } from './call-reader.js'
import { literal } from './literals.js'

/** Reads `call:name{key:value,…}`, whose strings stand between marks of their own. */
export class GemmaCalls implements CallReader {
  state: CallReader['state'] = 'reading'
  readonly #quote: string
  #named = false
  #text = ''
  #depth = 0
  #inString = false

  /** @param quote the mark at both ends of a string */
  constructor(quote: string) {
    this.#quote = quote
  }

  take(character: string): readonly CallEvent[] {
    this.#text += character
    if (!this.#named) return this.#takeName()
    if (this.#text.endsWith(this.#quote)) this.#inString = !this.#inString
    if (this.#inString) return []
    if (/[[{]/.test(character)) this.#depth++
    if (/[\]}]/.test(character)) this.#depth--
    return this.#depth > 0 ? [] : this.#end()
  }

  #takeName(): readonly CallEvent[] {
    if (!this.#text.endsWith('{')) return []
    const [, name] = /^\s*call:([^{\s]+)\{$/.exec(this.#text) ?? []
    if (name === undefined) {
      this.state = 'failed'
      return []
    }
    this.#named = true
    this.#text = '{'
    this.#depth = 1
    return [{ type: 'start', name }]
  }

  #end(): readonly CallEvent[] {
    try {
      const value = literal(this.#text, { quotes: [this.#quote], escapes: false })
      this.state = 'done'
      return [{ type: 'delta', argumentsText: JSON.stringify(value) }, { type: 'end' }]
    } catch {
      this.state = 'failed'
      return []
    }
  }
}
