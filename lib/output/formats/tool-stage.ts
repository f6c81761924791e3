import type { Segment, Stage } from '../stage.js'
import type { CallEvent } from './call-events.js'
import type { CallReader, KnownTool } from './call-reader.js'
import { MarkerScanner } from './markers.js'
import type { CallFormat } from './tool-calls.js'
import { Whitespace } from './whitespace.js'

/** Marks tool calls in the text of an answer. What looked like a call and is none stays text. */
export class ToolStage implements Stage {
  readonly #format: CallFormat
  readonly #tools: readonly KnownTool[]
  readonly #scanner: MarkerScanner
  readonly #space = new Whitespace()
  #reader: CallReader | undefined
  /** What was read of a call whose name is not known yet. */
  #unsure: Segment[] = []
  /** Nothing but calls, and what parts them, has come. */
  #fresh = true
  /** A call has begun whose name was handed out. */
  #named = false
  /** One has ended. */
  #called = false

  /** @param isSpecial whether a text is a special token of the model */
  constructor(format: CallFormat, tools: readonly KnownTool[], isSpecial: (text: string) => boolean) {
    this.#format = format
    this.#tools = tools
    this.#scanner = new MarkerScanner(isSpecial)
  }

  push(segments: readonly Segment[]): Segment[] {
    return this.#read(segments.map((segment) => ({ ...segment })))
  }

  end(): Segment[] {
    const last = this.#scanner.end()
    // It only began like a mark.
    const out = last ? [...this.#giveUp(), ...this.#space.push(last)] : []
    return [...out, ...this.#giveUp(), ...this.#space.flush()]
  }

  #read(rest: Segment[]): Segment[] {
    const out: Segment[] = []
    for (;;) {
      const found = this.#scanner.next(rest, this.#markers())
      if (found === undefined) return out
      const { marker, ...segment } = found
      if (segment.kind !== undefined) out.push(...this.#giveUp(), ...this.#space.push(segment))
      else if (marker !== '') out.push(...this.#mark(segment))
      else if (this.#reader) out.push(...this.#inside(this.#reader, segment, rest))
      else if (this.#format.bare && this.#fresh) out.push(...this.#bare(segment, rest))
      else out.push(...this.#space.push(segment))
    }
  }

  /** Inside a call only special tokens are marks: its strings may hold the letters of others. */
  #markers(): readonly string[] {
    const { begin, end } = this.#format
    const all = end === undefined ? begin : [...begin, end]
    return this.#reader ? all.filter((marker) => this.#scanner.isSpecial(marker)) : all
  }

  #mark(segment: Segment): Segment[] {
    const out = this.#giveUp()
    const begins = this.#format.begin.includes(segment.text)
    if (begins) {
      this.#reader = this.#format.reader(this.#tools, segment.text)
      this.#unsure = [segment]
      return out
    }
    return [...out, ...this.#space.drop(), { ...segment, kind: 'call' }]
  }

  #inside(reader: CallReader, segment: Segment, rest: Segment[]): Segment[] {
    const events: CallEvent[] = []
    let used = 0
    for (const character of segment.text) {
      used += character.length
      append(events, reader.take(character))
      if (reader.state !== 'reading') break
    }
    const read = { ...segment, text: segment.text.slice(0, used) }
    if (used < segment.text.length) rest.unshift({ ...segment, text: segment.text.slice(used) })
    const before = this.#unsure
    this.#unsure = []
    if (events.some(({ type }) => type === 'start')) this.#named = true
    if (reader.state === 'failed' && !this.#named) {
      this.#reader = undefined
      this.#fresh = false
      return [...before, read].flatMap((one) => this.#space.push(one))
    }
    if (!this.#named) {
      this.#unsure = [...before, read]
      if (reader.state === 'done') return this.#giveUp()
      return []
    }
    const out = [...this.#space.drop(), ...before.map(asCall), { ...asCall(read), events }]
    if (reader.state !== 'reading') {
      this.#reader = undefined
      this.#named = false
      this.#called = true
    }
    return out
  }

  /** Text where a call without a mark may begin. Calls are parted by semicolons. */
  #bare(segment: Segment, rest: Segment[]): Segment[] {
    const [space = ''] = (this.#called ? /^[\s;]*/ : /^\s*/).exec(segment.text) ?? []
    const text = segment.text.slice(space.length)
    const out: Segment[] = []
    if (space.includes(';')) out.push(...this.#space.drop(), asCall({ ...segment, text: space }))
    else if (space !== '') out.push(...this.#space.push({ ...segment, text: space }))
    if (text === '') return out
    if (text.startsWith('{') && !segment.special) {
      this.#reader = this.#format.reader(this.#tools, '')
      // What looked like the beginning of a mark is part of the call.
      const held = this.#scanner.end()
      rest.unshift({ ...segment, text }, ...(held ? [held] : []))
      return out
    }
    this.#fresh = segment.special
    return [...out, ...this.#space.push({ ...segment, text })]
  }

  /** A call that goes no further: without a name it was none. */
  #giveUp(): Segment[] {
    const unsure = this.#unsure.splice(0)
    this.#reader = undefined
    this.#named = false
    return unsure.flatMap((segment) => this.#space.push(segment))
  }
}

const asCall = (segment: Segment): Segment => ({ ...segment, kind: 'call' })

/** Adds events; pieces of arguments that follow each other become one. */
function append(events: CallEvent[], more: readonly CallEvent[]): void {
  for (const event of more) {
    const last = events.at(-1)
    if (event.type === 'delta' && last?.type === 'delta') {
      events[events.length - 1] = { type: 'delta', argumentsText: last.argumentsText + event.argumentsText }
    } else events.push(event)
  }
}
