import { setMaxListeners } from 'node:events'
import { LLMError } from '../errors.js'
import { type FilterContext, readFilterResult, type TextFilter, type Verdict } from '../options/filter.js'
import type { TokenLogprob } from './logprobs.js'
import type { AnswerPart } from './parts.js'

/**
 * One answer on its way through a filter, which gets all text that has come since its last call, and never two calls at once. The engine
 * does not wait for it. A part goes with the text that completes its own; its tokens are the model's, whatever became of the text.
 */
export class FilteredAnswer {
  /** The text of all parts that were handed out. */
  text = ''
  /** Their tokens. */
  readonly tokens: number[] = []
  /** One for each of the tokens, when parts have them. */
  logprobs: TokenLogprob[] | undefined
  /** Whether the filter has ended the answer; later parts are ignored. */
  stopped = false
  /** Whether it has seen the end of the answer. */
  done = false
  readonly #filter: TextFilter
  readonly #about: Pick<FilterContext, 'requestId' | 'index' | 'signal'>
  readonly #emit: (part: AnswerPart) => void
  /** Parts that were not handed out, and where their text ends: UTF-16 units of all text before the filter. */
  #waiting: { part: AnswerPart; end: number }[] = []
  /** What the next call gets. */
  #input = ''
  #produced = 0
  #fresh = false
  #ended = false
  #work: Promise<void> | undefined
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
    this.#work ??= this.#callAll()
    return this.#work
  }

  async #callAll(): Promise<void> {
    const { signal } = this.#about
    try {
      while (this.#fresh && !this.stopped && !signal.aborted) {
        const [input, done, before] = [this.#input, this.#ended, this.text]
        this.#input = ''
        this.#fresh = false
        const result = await Promise.race([this.#call(input, { ...this.#about, before, done }), this.#aborted])
        if (signal.aborted) return
        this.#apply(readFilterResult(result, input, done), input, done)
      }
    } finally {
      this.#work = undefined
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
    this.#input = input.slice(input.length - hold) + this.#input
    const through = this.#produced - this.#input.length
    // The tokens of a text that was taken back are no part of the answer.
    const ready = this.#waiting.filter(({ end }) => end <= (stop ? through - input.length : through))
    if (text === '' && !(ready.length > 0 && (done || stop))) return
    this.#waiting = this.#waiting.slice(ready.length)
    const tokens = ready.flatMap(({ part }) => part.tokens)
    const logprobs = this.logprobs && ready.flatMap(({ part }) => part.logprobs ?? [])
    this.#handOut({ type: 'text', index: this.#about.index, text, tokens, ...(logprobs && { logprobs }) })
  }

  #handOut(part: AnswerPart): void {
    this.text += part.text
    this.tokens.push(...part.tokens)
    this.logprobs?.push(...(part.logprobs ?? []))
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
