/** One event of a stream. */
export interface ServerSentEvent {
  /** '' when it has no name. */
  name: string
  data: string
}

/**
 * Reads server-sent events from bytes that may be cut anywhere, as the HTML standard defines them: lines end with LF, CR or CRLF, lines of
 * data are joined, comments and unknown fields are left out, and what an end cuts is none.
 *
 * A line that is a JSON object counts as an event of its own: OpenVINO Model Server writes errors in the middle of a stream like that.
 */
export class EventReader {
  readonly #decoder = new TextDecoder()
  readonly #limit: number
  #rest = ''
  #name = ''
  #data: string[] = []
  #size = 0

  /** @param limit UTF-16 units that one event may have */
  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * The events that these bytes complete.
   * @throws RangeError for an event that is too long
   */
  push(bytes: Uint8Array): ServerSentEvent[] {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true })
    const events: ServerSentEvent[] = []
    let begin = 0
    for (const { 0: end, index } of text.matchAll(/\r\n|\n|\r/g)) {
      // The LF of a CRLF may still come.
      if (end === '\r' && index === text.length - 1) break
      const event = this.#line(text.slice(begin, index))
      if (event) events.push(event)
      begin = index + end.length
    }
    this.#rest = text.slice(begin)
    this.#check(this.#rest.length)
    return events
  }

  #line(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch()
    if (line.startsWith('{')) return { name: '', data: line }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#name = value
    if (field !== 'data') return undefined
    this.#data.push(value)
    this.#size += value.length
    this.#check(0)
    return undefined
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = this.#data.length > 0 ? { name: this.#name, data: this.#data.join('\n') } : undefined
    this.#name = ''
    this.#data = []
    this.#size = 0
    return event
  }

  #check(more: number): void {
    if (this.#size + more > this.#limit) throw new RangeError(`an event has more than ${this.#limit} characters`)
  }
}
