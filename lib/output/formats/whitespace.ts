import type { Segment } from '../stage.js'

/** Holds whitespace back until it is known whether it stands beside a marker, and is dropped with it. */
export class Whitespace {
  #held: Segment[] = []
  /** The next text stands behind a marker. */
  #behind = false

  push(segment: Segment): Segment[] {
    if (segment.kind === 'marker' || segment.kind === 'call') return [...this.flush(), segment]
    const out: Segment[] = []
    let { text } = segment
    if (this.#behind) {
      const start = text.trimStart()
      if (start.length < text.length) {
        out.push({ ...segment, text: text.slice(0, text.length - start.length), kind: 'marker' })
      }
      text = start
      if (text === '') return out
      this.#behind = false
    }
    const end = segment.special ? text : text.trimEnd()
    if (end !== '') out.push(...this.flush(), { ...segment, text: end })
    if (end.length < text.length) this.#held.push({ ...segment, text: text.slice(end.length) })
    return out
  }

  /** A marker follows: what was held is dropped, and so is whitespace that comes next. */
  drop(): Segment[] {
    this.#behind = true
    return this.#held.splice(0).map((segment) => ({ ...segment, kind: 'marker' }))
  }

  /** No marker follows. */
  flush(): Segment[] {
    return this.#held.splice(0)
  }
}
