import { cleanUps } from '../text/tokenizer/clean-up.js'

/**
 * Applies `clean_up_tokenization_spaces` to a text that comes in parts. The result is that of the whole text: each
 * replacement runs over it from left to right, one after another. At most a few characters are held back.
 */
export class CleanUp {
  readonly #steps = cleanUps.map(([from, to]) => ({ from, to, held: '' }))

  push(text: string): string {
    return this.#pass(text, false)
  }

  /** Returns what was held back. More text may follow. */
  end(): string {
    return this.#pass('', true)
  }

  #pass(text: string, end: boolean): string {
    return this.#steps.reduce((passed, step) => {
      const parts = (step.held + passed).split(step.from)
      const last = parts.pop() ?? ''
      const settled = end ? last.length : last.length - begun(last, step.from)
      step.held = last.slice(settled)
      return [...parts, last.slice(0, settled)].join(step.to)
    }, text)
  }
}

/** How many characters at the end of `text` may begin `word`. */
function begun(text: string, word: string): number {
  let length = Math.min(text.length, word.length - 1)
  while (length > 0 && !text.endsWith(word.slice(0, length))) length--
  return length
}
