import type { CallEvent } from './call-events.js'
import type { CallReader } from './call-reader.js'
import { literal, python } from './literals.js'

/** Reads `[name(key="value", …), …]`, as LFM2 writes calls. */
export class PythonCalls implements CallReader {
  state: CallReader['state'] = 'reading'
  #place: 'start' | 'name' | 'key' | 'value' = 'start'
  #text = ''
  #key = ''
  #count = 0
  #quote = ''
  #escaped = false
  #depth = 0

  take(character: string): readonly CallEvent[] {
    switch (this.#place) {
      case 'start':
        if (character === '[') this.#place = 'name'
        else if (!/\s/.test(character)) this.state = 'failed'
        return []
      case 'name':
        return this.#takeName(character)
      case 'key':
        if (character === ')') return this.#endCall()
        if (character === '=') {
          this.#key = this.#takeText().trim()
          this.#place = 'value'
        } else this.#text += character
        return []
      case 'value':
        return this.#takeValue(character)
    }
  }

  #takeName(character: string): readonly CallEvent[] {
    if (character === ']') this.state = 'done'
    else if (character === '(') {
      this.#place = 'key'
      this.#count = 0
      return [{ type: 'start', name: this.#takeText() }]
    } else if (/[\w.-]/.test(character)) this.#text += character
    else if (!/[\s,]/.test(character)) this.state = 'failed'
    return []
  }

  #takeValue(character: string): readonly CallEvent[] {
    if (this.#quote !== '') {
      if (this.#escaped) this.#escaped = false
      else if (character === '\\') this.#escaped = true
      else if (character === this.#quote) this.#quote = ''
    } else if (character === '"' || character === "'") this.#quote = character
    else if (/[[({]/.test(character)) this.#depth++
    else if (this.#depth > 0 && /[\])}]/.test(character)) this.#depth--
    else if (this.#depth === 0 && /[,)]/.test(character)) {
      const value = this.#endValue()
      return character === ')' ? [...value, ...this.#endCall()] : value
    }
    this.#text += character
    return []
  }

  #endValue(): readonly CallEvent[] {
    this.#place = 'key'
    try {
      const value = JSON.stringify(literal(this.#takeText(), python))
      const argumentsText = `${this.#count++ === 0 ? '{' : ', '}${JSON.stringify(this.#key)}: ${value}`
      return [{ type: 'delta', argumentsText }]
    } catch {
      this.state = 'failed'
      return []
    }
  }

  #endCall(): readonly CallEvent[] {
    if (this.state === 'failed') return []
    this.#place = 'name'
    this.#text = ''
    return [{ type: 'delta', argumentsText: this.#count === 0 ? '{}' : '}' }, { type: 'end' }]
  }

  #takeText(): string {
    const text = this.#text
    this.#text = ''
    return text
  }
}
