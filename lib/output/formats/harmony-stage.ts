import type { Segment, Stage } from '../stage.js'
import { MarkerScanner } from './markers.js'

const opening = '<|message|>'
const markers = ['<|start|>', '<|channel|>', '<|constrain|>', opening, '<|end|>', '<|call|>', '<|return|>']

/** What the body of a message is. */
type Body = 'text' | 'reasoning' | 'call'

/**
 * The format of OpenAI's gpt-oss models (described in the repository openai/harmony): messages of a header and a body. The channel `analysis` is
 * reasoning, a recipient (`to=functions.NAME`) makes it a tool call, and everything else is text.
 */
export class HarmonyStage implements Stage {
  readonly #scanner: MarkerScanner
  /** The header so far; undefined inside a body. */
  #header: Segment[] | undefined
  #body: Body = 'text'

  /** @param options.inside whether the prompt has begun the body of a message for the user */
  constructor(options: { inside: boolean; isSpecial: (text: string) => boolean }) {
    this.#scanner = new MarkerScanner(options.isSpecial)
    this.#header = options.inside ? undefined : []
  }

  push(segments: readonly Segment[]): Segment[] {
    const rest = segments.map((segment) => ({ ...segment }))
    const out: Segment[] = []
    for (;;) {
      const found = this.#scanner.next(rest, markers)
      if (found === undefined) return out
      out.push(...this.#take(found))
    }
  }

  end(): Segment[] {
    const last = this.#scanner.end()
    const out = last ? this.#take(last) : []
    const header = this.#header?.splice(0) ?? []
    // A model that wrote no header at all answered.
    const plain = !header.some(({ text }) => markers.includes(text))
    out.push(...header.map((segment): Segment => (plain ? segment : { ...segment, kind: 'marker' })))
    return [...out, ...this.#endCall()]
  }

  #take({ marker, ...segment }: Segment & { marker: string }): Segment[] {
    if (this.#header !== undefined) {
      this.#header.push(segment)
      return marker === opening ? this.#open(this.#header) : []
    }
    if (marker === '') return [this.#bodied(segment)]
    const ended = this.#endCall()
    this.#header = []
    return [...ended, { ...segment, kind: 'marker' }]
  }

  #bodied(segment: Segment): Segment {
    switch (this.#body) {
      case 'text':
        return segment
      case 'reasoning':
        return { ...segment, kind: 'reasoning' }
      case 'call':
        return { ...segment, kind: 'call', events: [{ type: 'delta', argumentsText: segment.text }] }
    }
  }

  #open(header: readonly Segment[]): Segment[] {
    this.#header = undefined
    const text = header.map((segment) => segment.text).join('')
    const [, channel] = /<\|channel\|>\s*(\w+)/.exec(text) ?? []
    const [, recipient] = /\bto=([^\s<]+)/.exec(text) ?? []
    const out = header.map((segment): Segment => ({ ...segment, kind: 'marker' }))
    this.#body = recipient !== undefined ? 'call' : channel === 'analysis' ? 'reasoning' : 'text'
    if (recipient === undefined) return out
    const name = recipient.replace(/^functions\./, '')
    return [...out, { text: '', special: false, kind: 'call', events: [{ type: 'start', name }] }]
  }

  #endCall(): Segment[] {
    if (this.#body !== 'call') return []
    this.#body = 'text'
    return [{ text: '', special: false, kind: 'call', events: [{ type: 'end' }] }]
  }
}
