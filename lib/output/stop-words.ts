import type { Segment, Stage } from './stage.js'
import { buildAutomaton, type State } from './stop-automaton.js'

/** Where a stop word stands. Offsets count UTF-16 units of all text pushed, special tokens included. */
export interface StopMatch {
  word: string
  /** The text before it is kept. */
  start: number
  /** The text from here on came after the word. */
  end: number
}

/**
 * Ends the text before the first stop word; no part of the word gets out. The match that starts first wins, and the
 * shortest of those that start together. Text is held back only while it may begin a stop word, or while a match that
 * starts earlier is still possible. Takes time in proportion to the text.
 */
export class StopWords implements Stage {
  readonly #root: State
  #state: State
  #held: Segment[] = []
  /** Offsets of the first held unit and of the end of the text. */
  #start = 0
  #position = 0
  #match: StopMatch | undefined
  #stopped = false

  /** @throws TypeError for words that {@link buildAutomaton} refuses. */
  constructor(words: readonly string[]) {
    this.#root = this.#state = buildAutomaton(words)
  }

  /** The stop word that ended the text; undefined as long as none has, or an earlier one may still come up. */
  get match(): StopMatch | undefined {
    return this.#stopped ? this.#match : undefined
  }

  push(segments: readonly Segment[]): Segment[] {
    for (const segment of segments) {
      if (this.#stopped) break
      if (segment.text === '' && segment.events === undefined) continue
      if (segment.kind === undefined) {
        this.#held.push({ ...segment })
        this.#scan(segment.text)
      } else this.#pass(segment)
    }
    return this.#settled()
  }

  /** Returns what was held back, or settles a match that waited for an earlier one. */
  end(): Segment[] {
    this.#stopped ||= this.#match !== undefined
    this.#state = this.#root
    return this.#settled()
  }

  /** Lets through what is no text of the answer: no stop word lies in it, or reaches across it. */
  #pass(segment: Segment): void {
    this.#stopped ||= this.#match !== undefined
    if (this.#stopped) return
    this.#state = this.#root
    this.#held.push({ ...segment })
    this.#position += segment.text.length
  }

  #scan(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      let state: State | undefined = this.#state
      while (state !== undefined && !state.next.has(unit)) state = state.fail
      this.#state = state?.next.get(unit) ?? this.#root
      this.#position++
      const { word, depth } = this.#state
      if (word !== undefined) {
        const start = this.#position - word.length
        if (this.#match === undefined || start < this.#match.start) this.#match = { word, start, end: this.#position }
      }
      if (this.#match !== undefined && this.#position - depth >= this.#match.start) {
        this.#stopped = true
        return
      }
    }
  }

  #settled(): Segment[] {
    const keep = this.#stopped ? (this.#match?.start ?? this.#position) : this.#position - this.#state.depth
    const segments = this.#take(keep - this.#start)
    if (this.#stopped && this.#match !== undefined) {
      this.#held = []
      this.#start = this.#match.start
    }
    return segments
  }

  #take(length: number): Segment[] {
    const taken: Segment[] = []
    this.#start += Math.max(0, length)
    // What has no text, but says something of a tool call, goes with what is before it.
    while (length > 0 || this.#held[0]?.text === '') {
      const segment = this.#held[0]!
      if (segment.text.length <= length) {
        taken.push(segment)
        this.#held.shift()
      } else {
        taken.push({ ...segment, text: segment.text.slice(0, length) })
        segment.text = segment.text.slice(length)
      }
      length -= taken.at(-1)!.text.length
    }
    return taken
  }
}
