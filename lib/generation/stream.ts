import { ReadableStream } from 'node:stream/web'
import { LLMError } from '../errors.js'
import type { NativeTimings } from '../native/addon.js'
import type { RequestHandler } from '../native/engine.js'
import type { Answer, StreamPart } from './answer.js'
import { type FinishReason, type GenerationResult, timingsOf } from './result.js'

/** A request that has been handed to the engine. */
export interface Submitted {
  answer: Answer
  promptTokens: number
  /** Milliseconds from the call until the prompt was ready. */
  tokenizeTime: number
  /** Stops the computation; the handler still gets its last event. */
  cancel(): void
}

/** What a stream asks of whoever made it. */
export interface StreamSource {
  signal?: AbortSignal | undefined
  onText?: ((text: string) => void) | undefined
  /** Frames of the caller, put under errors that come up from elsewhere. */
  callSite: string
  /** Prepares the prompt and submits it with the handler; `signal` aborts when nobody wants the answer any more. */
  start(handler: RequestHandler, signal: AbortSignal): Promise<Submitted>
}

const noTimings: NativeTimings = { queued: 0, prefill: 0, decode: 0, cachedTokens: 0 }

/**
 * One answer while it is generated. It was started when it was made, whether or not anybody reads it.
 *
 * Iterate it once for the parts; leaving the loop early stops the computation. `result` comes either way.
 */
export class GenerationStream implements AsyncIterable<StreamPart> {
  /**
   * The whole answer. Rejects with `signal.reason` after an abort and with an LLMError after a failure; never with an unhandled
   * rejection. Whoever leaves the loop early gets what there was, with finishReason `cancelled`.
   */
  readonly result: Promise<GenerationResult>
  readonly #source: StreamSource
  readonly #stop = new AbortController()
  #settle!: { resolve(result: GenerationResult): void; reject(error: unknown): void }
  #submitted: Submitted | undefined
  #parts: StreamPart[] = []
  #waiting: (() => void)[] = []
  #ended = false
  #error: { reason: unknown } | undefined
  #computed = 0
  #iterated = false
  #left = false

  constructor(source: StreamSource) {
    this.#source = source
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.result.catch(() => {})
    const { signal } = source
    if (signal?.aborted) {
      this.#fail(signal.reason)
      return
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    source.start(this.#handler, this.#stop.signal).then(
      (submitted) => this.#started(submitted),
      (error) => this.#fail(error),
    )
  }

  readonly #onAbort = () => {
    this.#fail(this.#source.signal?.reason)
  }

  // Events come on a later turn than submit, so they find #submitted set.
  readonly #handler: RequestHandler = {
    tokens: (tokens) => {
      const { answer, cancel } = this.#submitted as Submitted
      this.#computed += tokens.length
      if (this.#ended || answer.stopped) return
      this.#emit(answer.push(tokens))
      if (answer.stopped) cancel()
    },
    finished: (reason, timings) => {
      const closed = reason === 'cancelled' && !this.#left && !this.#submitted?.answer.stopped
      if (closed) this.#fail(new LLMError('ERR_CLOSED', 'the model was closed while it generated this answer'))
      else this.#finish(reason, timings)
    },
    failed: (error) => this.#fail(error),
  }

  #started(submitted: Submitted): void {
    this.#submitted = submitted
    if (this.#stop.signal.aborted) submitted.cancel()
  }

  #emit(part: StreamPart | undefined): void {
    if (!part) return
    this.#parts.push(part)
    this.#wake()
    if (part.text !== '') this.#source.onText?.(part.text)
  }

  #finish(reason: FinishReason, native: NativeTimings): void {
    if (this.#ended) return
    const { answer, promptTokens, tokenizeTime } = this.#submitted as Submitted
    try {
      this.#emit(answer.end())
    } catch (error) {
      this.#fail(error)
      return
    }
    const completionTokens = answer.tokens.length
    this.#end()
    this.#settle.resolve({
      text: answer.text,
      tokens: answer.tokens,
      finishReason: answer.stopped ? 'stop' : reason,
      usage: {
        promptTokens,
        completionTokens,
        totalTokens: promptTokens + completionTokens,
        cachedTokens: native.cachedTokens,
      },
      timings: timingsOf(tokenizeTime, native, this.#computed),
    })
  }

  #fail(reason: unknown): void {
    if (this.#ended) return
    if (reason instanceof Error && reason !== this.#source.signal?.reason) {
      reason.stack = `${reason.stack ?? reason}\n${this.#source.callSite}`
    }
    this.#error = { reason }
    this.#end()
    this.#settle.reject(reason)
    this.#quit()
  }

  #end(): void {
    this.#ended = true
    this.#source.signal?.removeEventListener('abort', this.#onAbort)
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #quit(): void {
    this.#stop.abort()
    this.#submitted?.cancel()
  }

  /** The caller left the loop: what there is becomes the result. */
  #leave(): void {
    if (this.#ended) return
    this.#left = true
    if (this.#submitted) {
      this.#submitted.cancel()
    } else {
      this.#end()
      this.#settle.resolve({
        text: '',
        tokens: [],
        finishReason: 'cancelled',
        usage: { promptTokens: 0, completionTokens: 0, totalTokens: 0, cachedTokens: 0 },
        timings: timingsOf(0, noTimings, 0),
      })
      this.#stop.abort()
    }
  }

  /** @throws TypeError the second time: the parts are handed out once. */
  [Symbol.asyncIterator](): AsyncIterator<StreamPart, undefined> {
    if (this.#iterated) throw new TypeError('a generation stream can be iterated once; `result` has the whole answer')
    this.#iterated = true
    let over = false
    return {
      next: async () => {
        for (;;) {
          if (over) return { done: true, value: undefined }
          const part = this.#parts.shift()
          if (part) return { done: false, value: part }
          if (this.#error) {
            over = true
            throw this.#error.reason
          }
          if (this.#ended) return { done: true, value: undefined }
          await new Promise<void>((resolve) => {
            this.#waiting.push(resolve)
          })
        }
      },
      return: async () => {
        over = true
        this.#leave()
        this.#wake()
        return { done: true, value: undefined }
      },
    }
  }

  /** The parts as a web stream; cancelling it stops the computation. Counts as the one iteration. */
  toReadableStream(): ReadableStream<StreamPart> {
    const iterator = this[Symbol.asyncIterator]()
    return new ReadableStream<StreamPart>(
      {
        async pull(controller) {
          const { done, value } = await iterator.next()
          if (done) controller.close()
          else controller.enqueue(value)
        },
        async cancel() {
          await iterator.return?.()
        },
      },
      { highWaterMark: 0 },
    )
  }
}
