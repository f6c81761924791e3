import type { CallEvent } from './call-events.js'
import type { CallReader } from './call-reader.js'
import { JsonCalls } from './json-calls.js'
import { JsonValue } from './json-value.js'

/** Reads what follows `[TOOL_CALLS]`: a list of JSON objects, or `name[ARGS]{…}`, in which `[CALL_ID]id` may stand before `[ARGS]`. */
export class MistralCalls implements CallReader {
  state: CallReader['state'] = 'reading'
  #list: JsonCalls | undefined
  #head = ''
  #arguments: JsonValue | undefined

  take(character: string): readonly CallEvent[] {
    if (this.#head.trim() === '' && !this.#list && !this.#arguments && /[[{]/.test(character))
      this.#list = new JsonCalls()
    if (this.#list) {
      const events = this.#list.take(character)
      this.state = this.#list.state
      return events
    }
    if (this.#arguments) return this.#takeArguments(this.#arguments, character)
    if (character !== '{') {
      this.#head += character
      return []
    }
    const [, name, id] = /^\s*([\w.-]+)\s*(?:\[CALL_ID\](\w+))?(?:\[ARGS\])?\s*$/.exec(this.#head) ?? []
    if (name === undefined) {
      this.state = 'failed'
      return []
    }
    this.#arguments = new JsonValue()
    return [{ type: 'start', name, id }, ...this.#takeArguments(this.#arguments, character)]
  }

  #takeArguments(value: JsonValue, character: string): readonly CallEvent[] {
    value.take(character)
    const delta: CallEvent = { type: 'delta', argumentsText: character }
    if (!value.done) return [delta]
    this.state = 'done'
    return [delta, { type: 'end' }]
  }
}
