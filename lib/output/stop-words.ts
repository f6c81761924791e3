import type { Segment } from './detokenizer.js'

/** Most stop words of one request, and most UTF-16 units of one of them. */
export const stopWordLimits = { words: 64, length: 1024 } as const

/** Where a stop word was found. Offsets count UTF-16 units of all text pushed so far, special tokens included. */
export interface StopMatch {
  word: string
  /** Text before it is kept. */
  start: number
  /** Text from here on was produced after the word. */
  end: number
}

export interface StopResult {
  /** Text that is certainly not part of a stop word. */
  segments: Segment[]
  stopped: boolean
  match?: StopMatch
}

interface State {
  next: Map<number, State>
  fail: State | undefined
  depth: number
  /** The longest stop word that ends here. */
  word: string | undefined
}

/**
 * Finds stop words in streamed text; no part of one gets out. The match that starts first wins; of those that start
 * together, the shortest (the text kept is the same). Text is held back only while it may begin a stop word, or while
 * an earlier start than the match found is still possible. Linear in the text (Aho and Corasick, CACM 18(6), 1975).
 */
export class StopWords {
  readonly #root: State
  #state: State
  #held: Segment[] = []
  /** Offset of the first held unit, and of the end of the text. */
  #start = 0
  #position = 0
  #match: StopMatch | undefined
  #stopped = false

  /**
   * @throws TypeError when a word is no non-empty well-formed string of at most 1,024 units, or there are more than 64.
   */
  constructor(words: readonly string[]) {
    this.#root = this.#state = build(words)
  }

  push(segments: readonly Segment[]): StopResult {
    for (const segment of segments) {
      if (this.#stopped) break
      if (segment.text === '') continue
      this.#held.push({ ...segment })
      this.#scan(segment.text)
    }
    return this.#result()
  }

  /** No more text comes: what was held back, or the match that waited for an earlier one. */
  end(): StopResult {
    this.#stopped ||= this.#match !== undefined
    this.#state = this.#root
    return this.#result()
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

  #result(): StopResult {
    const keep = this.#stopped ? (this.#match?.start ?? this.#position) : this.#position - this.#state.depth
    const segments = this.#take(keep - this.#start)
    if (!this.#stopped || this.#match === undefined) return { segments, stopped: this.#stopped }
    this.#held = []
    this.#start = this.#match.start
    return { segments, stopped: true, match: this.#match }
  }

  #take(length: number): Segment[] {
    const taken: Segment[] = []
    this.#start += Math.max(0, length)
    while (length > 0) {
      const segment = this.#held[0]!
      if (segment.text.length <= length) {
        taken.push(segment)
        this.#held.shift()
      } else {
        taken.push({ text: segment.text.slice(0, length), special: segment.special })
        segment.text = segment.text.slice(length)
      }
      length -= taken.at(-1)!.text.length
    }
    return taken
  }
}

function build(words: readonly string[]): State {
  if (!Array.isArray(words) || words.length > stopWordLimits.words) {
    throw new TypeError(`expected stop words to be an array of at most ${stopWordLimits.words} strings`)
  }
  const root: State = { next: new Map(), fail: undefined, depth: 0, word: undefined }
  for (const word of words as readonly unknown[]) {
    if (typeof word !== 'string' || word === '' || word.length > stopWordLimits.length || /\p{Surrogate}/u.test(word)) {
      const found = typeof word === 'string' ? JSON.stringify(word.slice(0, 40)) : `a ${typeof word}`
      throw new TypeError(
        `expected a stop word to be a string of 1 to ${stopWordLimits.length} characters, found ${found}`,
      )
    }
    let state = root
    for (let i = 0; i < word.length; i++) {
      const unit = word.charCodeAt(i)
      let next = state.next.get(unit)
      if (next === undefined) {
        next = { next: new Map(), fail: undefined, depth: i + 1, word: undefined }
        state.next.set(unit, next)
      }
      state = next
    }
    state.word = word
  }
  const queue = [root]
  for (const state of queue) {
    for (const [unit, next] of state.next) {
      let fail = state.fail
      while (fail !== undefined && !fail.next.has(unit)) fail = fail.fail
      next.fail = fail?.next.get(unit) ?? root
      next.word ??= next.fail.word
      queue.push(next)
    }
  }
  return root
}
