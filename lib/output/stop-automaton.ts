/** Most stop words of one request, and most UTF-16 units of one of them. */
export const stopWordLimits = { words: 64, length: 1024 } as const

/** A state of the automaton that finds stop words: the longest end of the text that begins one. */
export interface State {
  next: Map<number, State>
  fail: State | undefined
  depth: number
  /** The longest stop word that ends here. */
  word: string | undefined
}

/**
 * The automaton's first state (Aho and Corasick, CACM 18(6), 1975).
 * @throws TypeError for more than 64 words, or a word that is not a well-formed string of 1 to 1,024 units.
 */
export function buildAutomaton(words: readonly string[]): State {
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
