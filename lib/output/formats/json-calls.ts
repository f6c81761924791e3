import type { CallEvent } from './call-events.js'
import type { CallReader, KnownTool } from './call-reader.js'
import { JsonValue } from './json-value.js'

type Place = 'start' | 'list' | 'key' | 'colon' | 'value'

const argumentKeys = ['arguments', 'parameters']

/** Reads `{"name": …, "arguments": {…}}`, or a list of these. The arguments may be called `parameters`. */
export class JsonCalls implements CallReader {
  state: CallReader['state'] = 'reading'
  readonly #known: readonly KnownTool[] | undefined
  #list = false
  #place: Place = 'start'
  #value = new JsonValue()
  #key = ''
  #name: string | undefined
  #id: string | undefined
  #started = false
  /** Of the arguments, what is not handed out: all of it while the name is not known, or while they are no object. */
  #waiting = ''
  #object = true
  #argued = false

  /** @param known the tools, when a call of any other is no call */
  constructor(known?: readonly KnownTool[]) {
    this.#known = known
  }

  take(character: string): readonly CallEvent[] {
    const space = /\s/.test(character)
    switch (this.#place) {
      case 'start':
      case 'list':
        if (character === '{') this.#place = 'key'
        else if (character === '[' && this.#place === 'start') {
          this.#list = true
          this.#place = 'list'
        } else if (character === ']' && this.#list) this.state = 'done'
        else if (!space && !(character === ',' && this.#place === 'list')) this.state = 'failed'
        return []
      case 'key':
        return this.#takeKey(character)
      case 'colon':
        if (character === ':') {
          this.#place = 'value'
          this.#value = new JsonValue()
        } else if (!space) this.state = 'failed'
        return []
      case 'value':
        return space && this.#value.text === '' ? [] : this.#takeValue(character)
    }
  }

  #takeKey(character: string): readonly CallEvent[] {
    if (this.#value.text === '') {
      if (character === '}') return this.#endCall()
      if (character !== '"') {
        if (!/[\s,]/.test(character)) this.state = 'failed'
        return []
      }
    }
    this.#value.take(character)
    if (this.#value.done) {
      this.#key = stringOf(this.#value.text) ?? ''
      this.#place = 'colon'
    }
    return []
  }

  #takeValue(character: string): readonly CallEvent[] {
    const belongs = this.#value.take(character)
    const events: CallEvent[] = []
    if (argumentKeys.includes(this.#key) && belongs) {
      if (this.#value.text.length === 1) {
        this.#argued = true
        this.#object = character === '{'
      }
      this.#waiting += character
      if (this.#started && this.#object) events.push(...this.#handOut())
    }
    if (!this.#value.done) return events
    events.push(...this.#endValue())
    this.#value = new JsonValue()
    this.#place = 'key'
    return belongs ? events : [...events, ...this.#takeKey(character)]
  }

  #endValue(): CallEvent[] {
    const { text } = this.#value
    if (this.#key === 'id') this.#id = stringOf(text)
    if (argumentKeys.includes(this.#key) && !this.#object) {
      // Some models write the arguments as a string that holds them.
      this.#waiting = text === 'null' ? '{}' : (stringOf(text) ?? text)
      this.#object = true
      return this.#started ? this.#handOut() : []
    }
    if (this.#key !== 'name') return []
    const name = stringOf(text)
    if (name === undefined || (this.#known && !this.#known.some((tool) => tool.name === name))) {
      this.state = 'failed'
      return []
    }
    this.#name = name
    this.#started = true
    const start: CallEvent = { type: 'start', name, id: this.#id }
    return this.#object ? [start, ...this.#handOut()] : [start]
  }

  #endCall(): readonly CallEvent[] {
    if (this.#name === undefined) {
      this.state = 'failed'
      return []
    }
    if (!this.#argued) this.#waiting = '{}'
    const events: CallEvent[] = [...this.#handOut(), { type: 'end' }]
    this.#name = this.#id = undefined
    this.#started = this.#argued = false
    this.#object = true
    this.#place = 'list'
    if (!this.#list) this.state = 'done'
    return events
  }

  #handOut(): CallEvent[] {
    const argumentsText = this.#waiting
    this.#waiting = ''
    return argumentsText === '' ? [] : [{ type: 'delta', argumentsText }]
  }
}

function stringOf(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
