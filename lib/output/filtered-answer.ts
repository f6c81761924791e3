import { setMaxListeners } from 'node:events'
import { LLMError } from '../errors.js'
import { type FilterContext, readFilterResult, type TextFilter, type Verdict } from '../options/filter.js'
import { AnswerContent } from './content.js'
import type { AnswerPart } from './parts.js'

/**
 * One answer on its way through a filter, which gets all text that has come since its last call, and never two calls at once. The engine
 * does not wait for it. A part goes with the text that completes its own; its tokens are the model's, whatever became of the text.
 *
 * The filter sees text of the answer only. Other parts keep their place: they wait until it has seen the text before them, and take the
 * tokens of that text with them when it still holds some of it.
 */
export class FilteredAnswer extends AnswerContent {
  /** Whether the filter has ended the answer; later parts are ignored. */
  stopped = false
  /** Whether it has seen the end of the answer. */
  done = false
  readonly #filter: TextFilter
  readonly #about: Pick<FilterContext, 'requestId' | 'index' | 'signal'>
  readonly #emit: (part: AnswerPart) => void
  /** Parts that were not handed out, and where their text ends: UTF-16 units of all text before the filter. */
  #waiting: { part: AnswerPart; end: number }[] = []
  /** What the next calls get. */
  #input = ''
  /** Units of it that the filter has seen and held. */
  #held = 0
  #produced = 0
  #fresh = false
  #ended = false
  #runs = false
  #work: Promise<void> = Promise.resolve()
  /** Resolves when the signal has aborted: nobody waits then for a filter that does not answer. */
  readonly #aborted: Promise<void>

  /**
   * @param about.signal once it has aborted, nothing is filtered or handed out
   * @param emit gets the parts that were let through
   */
  constructor(
    filter: TextFilter,
    about: Pick<FilterContext, 'requestId' | 'index' | 'signal'>,
    emit: (part: AnswerPart) => void,
  ) {
    super()
    this.#filter = filter
    this.#about = about
    this.#emit = emit
    this.#aborted = new Promise((resolve) => {
      about.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /**
   * Takes the next part.
   * @returns resolves when the filter has seen it or the signal has aborted, rejects as {@link end}
   */
  push(part: AnswerPart): Promise<void> {
    this.#produced += part.text.length
    if (part.logprobs) this.logprobs ??= []
    this.#waiting.push({ part, end: this.#produced })
    this.#input += part.text
    this.#fresh = true
    return this.#run()
  }

  /**
   * No more parts come.
   * @returns resolves when the last one has been filtered or the signal has aborted
   * @throws LLMError `ERR_FILTER` when the filter threw; TypeError when it gave what it should not; what `emit` throws
   */
  end(): Promise<void> {
    this.#ended = this.#fresh = true
    return this.#run()
  }

  #run(): Promise<void> {
    // It may be done before it has returned, so that the promise alone does not tell whether it runs.
    if (!this.#runs) this.#work = this.#callAll()
    return this.#work
  }

  async #callAll(): Promise<void> {
    const { signal } = this.#about
    this.#runs = true
    try {
      while (this.#fresh && !this.stopped && !signal.aborted) {
        const next = this.#waiting.find(({ part }) => part.type !== 'text')
        // What stands before the next part that is no text.
        const length = this.#input.length - (this.#produced - (next?.end ?? this.#produced))
        if (next === undefined || length > this.#held) {
          const [input, done, before] = [this.#input.slice(0, length), this.#ended && !next, this.text]
          this.#input = this.#input.slice(length)
          this.#held = 0
          this.#fresh = false
          const result = await Promise.race([this.#call(input, { ...this.#about, before, done }), this.#aborted])
          if (signal.aborted) return
          this.#apply(readFilterResult(result, input, done), input, done)
        }
        if (next === undefined || this.stopped) continue
        this.#handOutUpTo(next.part)
        this.#fresh = this.#ended || this.#waiting.length > 0
      }
    } finally {
      this.#runs = false
    }
  }

  async #call(input: string, context: FilterContext): Promise<unknown> {
    try {
      return await this.#filter(input, context)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new LLMError('ERR_FILTER', `the filter of the request failed: ${reason}`, { cause })
    }
  }

  #apply({ text, hold, stop }: Verdict, input: string, done: boolean): void {
    this.stopped = stop
    this.done = done
    const through = this.#produced - this.#input.length - hold
    this.#held = hold
    this.#input = input.slice(input.length - hold) + this.#input
    const reached = stop ? through - input.length : through
    // The tokens of a text that was taken back are no part of the answer, nor is what came after it.
    const texts = this.#waiting.findIndex(({ part }) => part.type !== 'text')
    const before = texts < 0 ? this.#waiting : this.#waiting.slice(0, texts)
    const ready = before.filter(({ end }) => end <= reached)
    if (text === '' && !(ready.length > 0 && (done || stop))) return
    this.#waiting = this.#waiting.slice(ready.length)
    this.#handOut({ type: 'text', index: this.#about.index, text, ...this.#tokensOf(ready) })
  }

  /** Hands out a part that is no text, with the tokens that came before it. */
  #handOutUpTo(part: AnswerPart): void {
    const count = this.#waiting.findIndex((one) => one.part === part) + 1
    this.#handOut({ ...part, ...this.#tokensOf(this.#waiting.splice(0, count)) })
  }

  #tokensOf(ready: readonly { part: AnswerPart }[]): Pick<AnswerPart, 'tokens' | 'logprobs'> {
    const tokens = ready.flatMap(({ part }) => part.tokens)
    return this.logprobs ? { tokens, logprobs: ready.flatMap(({ part }) => part.logprobs ?? []) } : { tokens }
  }

  #handOut(part: AnswerPart): void {
    this.add(part)
    this.#emit(part)
  }
}

/** An output for each answer of a request, all through the same filter. */
export function filteredAnswers(
  filter: TextFilter,
  count: number,
  about: Pick<FilterContext, 'requestId' | 'signal'>,
  emit: (part: AnswerPart) => void,
): FilteredAnswer[] {
  // Each answer listens, and so may what the filter calls: more than ten would be warned about as a leak.
  setMaxListeners(0, about.signal)
  return Array.from({ length: count }, (_, index) => new FilteredAnswer(filter, { ...about, index }, emit))
}
