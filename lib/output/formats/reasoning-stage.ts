import type { Segment, Stage } from '../stage.js'
import { MarkerScanner } from './markers.js'
import type { ReasoningFormat } from './reasoning.js'
import { Whitespace } from './whitespace.js'

/** Marks one stretch of reasoning, and the whitespace around it, which is dropped. */
export class ReasoningStage implements Stage {
  readonly #format: ReasoningFormat
  readonly #scanner: MarkerScanner
  /** Where the text is: before the reasoning, in it, or behind it. */
  #place: 'before' | 'inside' | 'behind'
  readonly #space = new Whitespace()
  /** Text that may be the title of the reasoning; undefined when it cannot come any more. */
  #title: string | undefined

  /**
   * @param options.inside whether the prompt has begun the reasoning
   * @param options.isSpecial whether a text is a special token of the model
   */
  constructor(format: ReasoningFormat, options: { inside: boolean; isSpecial: (text: string) => boolean }) {
    this.#format = format
    this.#scanner = new MarkerScanner(options.isSpecial)
    this.#place = options.inside ? 'inside' : 'before'
    if (options.inside) this.#space.drop()
  }

  push(segments: readonly Segment[]): Segment[] {
    const rest = segments.map((segment) => ({ ...segment }))
    const out: Segment[] = []
    for (;;) {
      const found = this.#scanner.next(rest, this.#markers())
      if (found === undefined) return out
      out.push(...this.#take(found))
    }
  }

  end(): Segment[] {
    const last = this.#scanner.end()
    return [...(last ? this.#take(last) : []), ...this.#endTitle(), ...this.#space.flush()]
  }

  #markers(): readonly string[] {
    const { begin, end, around = [] } = this.#format
    return [...(this.#place === 'before' ? [begin] : this.#place === 'inside' ? [end] : []), ...around]
  }

  #take({ marker, ...segment }: Segment & { marker: string }): Segment[] {
    const { begin, end, title } = this.#format
    if (marker === '') {
      if (this.#place !== 'inside') return this.#space.push(segment)
      return this.#title === undefined ? this.#space.push({ ...segment, kind: 'reasoning' }) : this.#read(segment.text)
    }
    // Whitespace on both sides of a marker belongs to neither text.
    const before = [...this.#endTitle(), ...this.#space.drop()]
    if (marker === begin) {
      this.#place = 'inside'
      if (title !== undefined) this.#title = ''
    }
    if (marker === end) this.#place = 'behind'
    return [...before, { ...segment, kind: 'marker' }]
  }

  /** Takes text that begins as the title does. */
  #read(text: string): Segment[] {
    const { title = '' } = this.#format
    const all = (this.#title ?? '') + text
    this.#title = all
    if (title.startsWith(all) && all.length < title.length) return []
    if (!all.startsWith(title)) return this.#endTitle()
    this.#title = undefined
    const rest = all.slice(title.length)
    const marker: Segment = { text: title, special: false, kind: 'marker' }
    return rest === '' ? [marker] : [marker, ...this.#space.push({ text: rest, special: false, kind: 'reasoning' })]
  }

  /** It was none. */
  #endTitle(): Segment[] {
    const text = this.#title ?? ''
    this.#title = undefined
    return text === '' ? [] : this.#space.push({ text, special: false, kind: 'reasoning' })
  }
}
