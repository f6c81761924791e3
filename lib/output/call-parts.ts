import type { CallEvent } from './formats/call-events.js'
import { newCallId } from './formats/tool-calls.js'
import type { PartContent } from './parts.js'

/** The parts of one answer's tool calls. */
export class CallParts {
  readonly #newId: () => string
  #call: { id: string; name: string; text: string } | undefined

  constructor(newId = newCallId) {
    this.#newId = newId
  }

  /** @returns nothing for a call that is complete, but whose arguments are no JSON object */
  push(event: CallEvent): PartContent[] {
    if (event.type === 'start') {
      const { name, id = this.#newId() } = event
      this.#call = { id, name, text: '' }
      return [{ type: 'tool-call-start', text: '', id, name }]
    }
    const call = this.#call
    if (call === undefined) return []
    const { id, name } = call
    if (event.type === 'delta') {
      call.text += event.argumentsText
      return [{ type: 'tool-call-delta', text: '', id, argumentsText: event.argumentsText }]
    }
    this.#call = undefined
    const given = argumentsIn(call.text)
    return given === undefined ? [] : [{ type: 'tool-call', text: '', id, name, arguments: given }]
  }
}

/** The arguments of a call; undefined when they are no JSON object. */
export function argumentsIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
