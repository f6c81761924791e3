import type { ReadableStream } from 'node:stream/web'
import type { NativeFinishReason, NativeLogprobs, NativeTimings } from '../engine/boundary.js'
import type { RequestHandler } from '../engine/engine.js'
import { LLMError } from '../errors.js'
import type { TextFilter } from '../options/filter.js'
import type { ReprefillProgress } from '../options/generation.js'
import type { Answer } from '../output/answer.js'
import type { AnswerContent } from '../output/content.js'
import { type FilteredAnswer, filteredAnswers } from '../output/filtered-answer.js'
import type { PromptLogprobs } from '../output/logprobs.js'
import { PartialJson } from '../output/partial-json.js'
import type { AnswerPart, StreamPart } from '../output/parts.js'
import { addCallSite } from './call-site.js'
import { PartQueue, readableOf } from './part-queue.js'
import { type AnswerProgress, type GenerationResult, type PreparationTimes, resultOf } from './result.js'

/** One answer as far as it has come. */
export type GrowingAnswer = Pick<
  Answer,
  'push' | 'end' | 'stopped' | 'stoppedBy' | 'reasoningTokens' | keyof AnswerContent
>

/** Is told of one answer. Another server may have filtered it. */
export interface AnswerHandler extends RequestHandler {
  finished(reason: NativeFinishReason | 'content-filter', timings: NativeTimings): void
}

/** A request that has been handed to the engine, or to a server. */
export interface Submitted {
  /** One for each handler. */
  answers: readonly GrowingAnswer[]
  /** Undefined while it is not known. */
  promptTokens: number | undefined
  /** Tokens of all answers together, when the answers do not show them all. */
  completionTokens?: number | undefined
  /** Takes those of the prompt when they are wanted. */
  promptLogprobs?: PromptLogprobs | undefined
  /** That the first answer is drawn with; null when it is greedy. */
  seed: number | null
  times: PreparationTimes
  /** Stops the computation of one answer; its handler still gets its last event. */
  cancel(index: number): void
}

/** Is told of the first token, of tokens that are computed again, and of one end. Must not throw. */
export interface StreamObserver {
  firstToken(): void
  reprefill(progress: ReprefillProgress): void
  ended(result: GenerationResult): void
  failed(error: unknown): void
}

/** What a stream asks of whoever made it. */
export interface StreamSource {
  requestId: string
  signal?: AbortSignal | undefined
  filter?: TextFilter | undefined
  onToken?: ((token: number, index: number) => void) | undefined
  onText?: ((text: string, index: number) => void) | undefined
  onReprefill?: ((progress: ReprefillProgress) => void) | undefined
  /** Milliseconds until it fails with ERR_TIMEOUT. */
  timeout?: number | undefined
  /** What the answers must be: changes the result of all, and says whether the stream has parts of the growing value. */
  format?: { growing: boolean; complete(result: GenerationResult): Promise<GenerationResult> } | undefined
  /** Answers to the one prompt; default 1. */
  count?: number
  observer?: StreamObserver
  /** Set when whole answers are changed: there are no parts then. */
  rewrite?:
    | { change(result: GenerationResult, signal: AbortSignal): Promise<GenerationResult>; refusal: LLMError }
    | undefined
  /** Frames of the caller, put under errors that come up from elsewhere. */
  callSite: () => string
  /** Prepares the prompt and submits it with a handler for each answer; `signal` aborts when nobody wants them any more. */
  start(handlers: readonly AnswerHandler[], signal: AbortSignal): Promise<Submitted>
}

/**
 * The answers to one prompt while they are generated. They were started when it was made, whether or not anybody reads it.
 *
 * Iterate it once for the parts; leaving the loop early stops the computation. `result` comes either way.
 */
export class GenerationStream implements AsyncIterable<StreamPart> {
  /** The id of the request: the one it was given, else one that was made for it. */
  readonly requestId: string
  /**
   * The whole answer. Rejects with `signal.reason` after an abort and with an LLMError after a failure; it never causes an unhandled
   * rejection. After the loop was left early it is what there was until then, with finishReason `cancelled`.
   */
  readonly result: Promise<GenerationResult>
  readonly #source: StreamSource
  readonly #stop = new AbortController()
  readonly #progress: AnswerProgress[]
  /** One for each answer, or none without a filter. */
  readonly #filtered: readonly FilteredAnswer[]
  readonly #parts = new PartQueue()
  #settle!: { resolve(result: GenerationResult): void; reject(error: unknown): void }
  #submitted: Submitted | undefined
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #begun = false
  readonly #values: PartialJson[] = []
  #left = false

  constructor(source: StreamSource) {
    this.#source = source
    this.requestId = source.requestId
    this.#progress = Array.from({ length: source.count ?? 1 }, () => ({ computed: 0 }))
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.result.catch(() => {})
    const { requestId, filter } = source
    const about = { requestId, signal: this.#stop.signal }
    this.#filtered = filter ? filteredAnswers(filter, this.#progress.length, about, (part) => this.#emit(part)) : []
    const { signal, timeout } = source
    if (signal?.aborted) {
      this.#fail(signal.reason)
      return
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (timeout !== undefined) {
      // What runs keeps the process alive, its timer need not.
      this.#timer = setTimeout(this.#onTimeout, timeout).unref()
    }
    const handlers = this.#progress.map((progress, index) => this.#handler(progress, index))
    source.start(handlers, this.#stop.signal).then(
      (submitted) => this.#started(submitted),
      (error) => this.#fail(error),
    )
  }

  /** Tokens of the prompt; undefined until the engine has it, which is before the first part. A server tells at the end, or never. */
  get promptTokens(): number | undefined {
    return this.#submitted?.promptTokens
  }

  readonly #onAbort = () => {
    this.#fail(this.#source.signal?.reason)
  }

  readonly #onTimeout = () => {
    this.#fail(new LLMError('ERR_TIMEOUT', `the request took longer than its timeout of ${this.#source.timeout} ms`))
  }

  // Events come on a later turn than submit, so they find #submitted set.
  #handler(progress: AnswerProgress, index: number): AnswerHandler {
    let logprobs: NativeLogprobs | undefined
    const take = (tokens: Int32Array) => {
      const { answers, cancel } = this.#submitted as Submitted
      const answer = answers[index] as GrowingAnswer
      progress.computed += tokens.length
      if (this.#ended || this.#isStopped(index)) return
      if (!this.#begun) this.#source.observer?.firstToken()
      this.#begun = true
      this.#deliver(index, answer.push(tokens, logprobs))
      if (answer.stopped) cancel(index)
    }
    return {
      logprobs: (found) => {
        if (found.ofPrompt) this.#submitted?.promptLogprobs?.add(found)
        else logprobs = found
      },
      tokens: take,
      beamAnswer: (tokens, score) => {
        progress.score = score
        take(tokens)
      },
      reprefill: (done, total) => {
        if (this.#ended || this.#isStopped(index)) return
        this.#source.observer?.reprefill({ index, done, total })
        this.#source.onReprefill?.({ index, done, total })
      },
      finished: (reason, timings) => {
        const closed = reason === 'cancelled' && !this.#left && !this.#isStopped(index)
        if (closed) this.#fail(new LLMError('ERR_CLOSED', 'the model was closed while it generated this answer'))
        else this.#finish(progress, index, { reason, timings })
      },
      failed: (error) => this.#fail(error),
    }
  }

  #started(submitted: Submitted): void {
    this.#submitted = submitted
    if (this.#stop.signal.aborted) this.#cancel()
  }

  /** Whether nothing of this answer is wanted any more though the engine may still compute it. */
  #isStopped(index: number): boolean {
    return this.#submitted?.answers[index]?.stopped === true || this.#filtered[index]?.stopped === true
  }

  /** Hands parts out, or to the filter. */
  #deliver(index: number, parts: readonly AnswerPart[]): void {
    const filtered = this.#filtered[index]
    for (const part of parts) {
      if (!filtered) {
        this.#emit(part)
        continue
      }
      filtered.push(part).then(
        () => {
          if (filtered.stopped) this.#submitted?.cancel(index)
        },
        (error) => this.#fail(error),
      )
    }
  }

  #emit(part: AnswerPart): void {
    const { requestId, onToken, onText, format } = this.#source
    this.#parts.push({ ...part, requestId } as StreamPart)
    if (onToken) for (const token of part.tokens) onToken(token, part.index)
    if (part.text === '') return
    if (format?.growing) this.#grow(part)
    onText?.(part.text, part.index)
  }

  #grow({ index, text, logprobs }: AnswerPart): void {
    const value = this.#values[index] ?? new PartialJson()
    this.#values[index] = value
    value.push(text)
    const part: StreamPart = {
      type: 'object',
      requestId: this.requestId,
      index,
      text: '',
      object: value.value,
      tokens: [],
    }
    this.#parts.push(logprobs ? { ...part, logprobs: [] } : part)
  }

  #finish(progress: AnswerProgress, index: number, end: NonNullable<AnswerProgress['end']>): void {
    if (this.#ended) return
    try {
      this.#deliver(index, (this.#submitted as Submitted).answers[index]?.end() ?? [])
    } catch (error) {
      this.#fail(error)
      return
    }
    const complete = () => {
      if (this.#ended) return
      progress.end = end
      if (this.#progress.every((each) => each.end)) this.#resolve()
    }
    const filtered = this.#filtered[index]
    if (filtered) filtered.end().then(complete, (error) => this.#fail(error))
    else complete()
  }

  #resolve(): void {
    const {
      answers = [],
      promptTokens = 0,
      ...about
    } = this.#submitted ?? {
      seed: null,
      times: { tokenize: 0, load: 0 },
    }
    const parts = this.#progress.map((progress, i) => ({
      ...progress,
      answer: answers[i],
      filtered: this.#filtered[i],
    }))
    const result = resultOf(this.requestId, parts, { promptTokens, ...about })
    const { rewrite, format } = this.#source
    if (!rewrite && !format) {
      this.#succeed(result)
      return
    }
    const change = async (): Promise<GenerationResult> => {
      const changed = rewrite ? await rewrite.change(result, this.#stop.signal) : result
      return format ? await format.complete(changed) : changed
    }
    change().then(
      (changed) => this.#succeed(changed),
      (error) => this.#fail(error),
    )
  }

  #succeed(result: GenerationResult): void {
    // It may have been aborted while its text was changed.
    if (this.#ended) return
    this.#end()
    this.#source.observer?.ended(result)
    this.#settle.resolve(result)
  }

  #fail(reason: unknown): void {
    if (this.#ended) return
    if (reason instanceof Error && reason !== this.#source.signal?.reason) {
      addCallSite(reason, this.#source.callSite())
      if (reason instanceof LLMError) Reflect.set(reason, 'requestId', this.requestId)
    }
    this.#end({ reason })
    this.#source.observer?.failed(reason)
    this.#settle.reject(reason)
    this.#stop.abort()
    this.#cancel()
  }

  #end(error?: { reason: unknown }): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#source.signal?.removeEventListener('abort', this.#onAbort)
    this.#parts.end(error)
  }

  #cancel(): void {
    for (const index of this.#progress.keys()) this.#submitted?.cancel(index)
  }

  /** The caller left the loop: what there is becomes the result. */
  #leave(): void {
    if (this.#ended) return
    this.#left = true
    clearTimeout(this.#timer)
    if (this.#submitted) this.#cancel()
    else this.#resolve()
    this.#stop.abort()
  }

  /**
   * @throws TypeError the second time: the parts are handed out once; LLMError `ERR_NO_STREAMING`, which ends the request, when a
   * model.yaml changes whole answers
   */
  [Symbol.asyncIterator](): AsyncIterator<StreamPart, undefined> {
    if (this.#source.rewrite) {
      const { refusal } = this.#source.rewrite
      this.#fail(refusal)
      throw refusal
    }
    return this.#parts.iterate(() => this.#leave())
  }

  /** The parts as a web stream; cancelling it stops the computation. Counts as the one iteration. */
  toReadableStream(): ReadableStream<StreamPart> {
    return readableOf(this[Symbol.asyncIterator]())
  }
}
