import type { Dispatcher } from 'undici'
import type { NativeFinishReason, NativeTimings } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import type { AnswerHandler, Submitted } from '../generation/stream.js'
import { type Chunk, readChunk } from './chunk.js'
import type { Counts } from './counts.js'
import { errorIn, failureOf } from './failure.js'
import type { Ask, HttpClient } from './http-client.js'
import { RemoteAnswer } from './remote-answer.js'
import { EventReader } from './server-sent-events.js'

/** UTF-16 units of one event, and bytes of one response: what a server may put into memory here. */
const mostOfEvent = 4 << 20
const mostOfResponse = 512 << 20

const noCounts: Counts = {
  promptTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
  cachedTokens: 0,
  draftTokens: 0,
  acceptedTokens: 0,
}

/** What is asked, and how its answers are read. */
export interface RemoteAsk {
  ask: Ask & { body: object; signal: AbortSignal }
  streams: boolean
  /** Likeliest tokens that were asked for; undefined without log-probabilities. */
  top: number | undefined
  /** The seed that was sent. */
  seed: number | null
}

/** One request to a server: reads its response, and tells the handlers what comes. */
export class RemoteRequest {
  readonly #http: HttpClient
  readonly #asked: RemoteAsk
  readonly #handlers: readonly AnswerHandler[]
  readonly #answers: readonly RemoteAnswer[]
  readonly #ended = new Set<number>()
  readonly #begun = performance.now()
  #first: number | undefined
  #counts: Counts | undefined
  #response: Dispatcher.ResponseData | undefined

  readonly #onEnd: () => void

  /** @param onEnd is told when all answers have ended */
  constructor(http: HttpClient, asked: RemoteAsk, handlers: readonly AnswerHandler[], onEnd: () => void) {
    this.#http = http
    this.#asked = asked
    this.#handlers = handlers
    this.#onEnd = onEnd
    this.#answers = handlers.map((_, index) => new RemoteAnswer(index, asked.top))
  }

  /** Resolves when the server has begun to answer; the handlers hear of what comes on later turns. */
  async start(): Promise<Submitted> {
    try {
      this.#response = await this.#http.ask(this.#asked.ask)
    } catch (error) {
      this.#onEnd()
      throw error
    }
    setImmediate(() => void this.#read())
    const counts = () => this.#counts
    return {
      answers: this.#answers,
      seed: this.#asked.seed,
      times: { tokenize: 0, load: 0 },
      get promptTokens() {
        return counts()?.promptTokens
      },
      get completionTokens() {
        return counts()?.completionTokens
      },
      cancel: (index) => {
        this.#end(index, 'cancelled')
        if (this.#ended.size === this.#answers.length) this.#leave()
      },
    }
  }

  /** Fails what has not ended. */
  fail(error: unknown): void {
    for (const [index, handler] of this.#handlers.entries()) {
      if (this.#ended.has(index)) continue
      this.#ended.add(index)
      handler.failed(error)
    }
    this.#onEnd()
    this.#leave()
  }

  async #read(): Promise<void> {
    const { ask, streams } = this.#asked
    const response = this.#response as Dispatcher.ResponseData
    try {
      const isStream = /^text\/event-stream\b/i.test(String(response.headers['content-type']))
      if (streams && isStream) await this.#readEvents(response)
      else this.#take(this.#parse(await this.#http.textOf(response, ask)))
      this.#complete()
    } catch (error) {
      this.fail(
        error instanceof TypeError || error instanceof LLMError ? error : this.#http.networkError(ask.path, error),
      )
    }
  }

  async #readEvents({ body }: Dispatcher.ResponseData): Promise<void> {
    const reader = new EventReader(mostOfEvent)
    let size = 0
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      size += piece.length
      if (size > mostOfResponse) throw new RangeError(`the response has more than ${mostOfResponse} bytes`)
      for (const { name, data } of reader.push(piece)) {
        // What comes behind it is read, so that the connection can be used again.
        if (data === '[DONE]') this.#complete()
        else if (this.#ended.size < this.#answers.length) this.#take(this.#parse(data), name === 'error')
      }
    }
  }

  #parse(data: string): unknown {
    try {
      return JSON.parse(data)
    } catch (cause) {
      throw this.#notUnderstood(`expected JSON, found ${JSON.stringify(data.slice(0, 100))}`, cause)
    }
  }

  #take(value: unknown, isError = false): void {
    if (isError || errorIn(value)) throw failureOf({ body: value }, this.#where)
    let chunk: Chunk
    try {
      chunk = readChunk(value)
    } catch (cause) {
      throw this.#notUnderstood((cause as Error).message, cause)
    }
    this.#counts = chunk.counts ?? this.#counts
    for (const choice of chunk.choices) {
      const answer = this.#answers[choice.index]
      if (answer === undefined) throw this.#notUnderstood(`expected ${this.#answers.length} choices, found another one`)
      if (this.#ended.has(choice.index)) continue
      answer.take(choice)
      if (!answer.hasParts) continue
      this.#first ??= performance.now()
      this.#handlers[choice.index]?.tokens(Int32Array.from(choice.tokens))
    }
  }

  #complete(): void {
    const [first] = this.#answers
    if (first && this.#counts) first.reasoningTokens = this.#counts.reasoningTokens
    for (const [index, { finishReason }] of this.#answers.entries()) {
      if (this.#ended.has(index)) continue
      if (finishReason === undefined) throw this.#notUnderstood('the response ended before the answer did')
      if (/^(abort|cancel(led)?|error)$/.test(finishReason))
        throw new LLMError('ERR_ENGINE', `${this.#where} ended the answer with the reason ${finishReason}`)
      this.#end(index, reasons[finishReason] ?? 'stop')
    }
  }

  #end(index: number, reason: NativeFinishReason | 'content-filter'): void {
    if (this.#ended.has(index)) return
    this.#ended.add(index)
    this.#handlers[index]?.finished(reason, this.#timings(index))
    if (this.#ended.size === this.#answers.length) this.#onEnd()
  }

  /** As they were seen from here: a server tells none. */
  #timings(index: number): NativeTimings {
    const now = performance.now()
    const first = this.#first ?? now
    const { cachedTokens, draftTokens, acceptedTokens } = (index === 0 && this.#counts) || noCounts
    const prefill = first - this.#begun
    return { queued: 0, prefill, decode: now - first, reprefill: 0, cachedTokens, draftTokens, acceptedTokens }
  }

  /** Nothing more of the response is wanted: the connection breaks off, and so the server hears of it. */
  #leave(): void {
    const body = this.#response?.body
    if (body && !body.destroyed) body.on('error', () => undefined).destroy()
  }

  #notUnderstood(what: string, cause?: unknown): LLMError {
    return new LLMError('ERR_NETWORK', `${this.#where}: ${what}`, { cause })
  }

  get #where(): string {
    return this.#http.address(this.#asked.ask.path)
  }
}

const reasons: Readonly<Record<string, NativeFinishReason | 'content-filter'>> = {
  length: 'length',
  content_filter: 'content-filter',
}
