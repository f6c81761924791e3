import { randomUUID } from 'node:crypto'
import type { HonoRequest } from 'hono'
import { LLMError } from '../errors.js'
import type { Prompt } from '../generation/prompt.js'
import type { GenerationStream } from '../generation/stream.js'
import type { GenerationOptions } from '../options/generation.js'
import * as check from '../options/rules.js'
import { ApiError, apiErrorOf } from './api-error.js'
import { anthropicHeader, errorShapeOf } from './error-shapes.js'
import type { EventStreamOptions } from './event-stream.js'
import { fieldNames } from './fields.js'
import type { Limits } from './limits.js'
import type { Holder, NamedModel } from './models.js'
import type { Generation } from './tracing.js'

/** What a server does around its requests. */
export interface Surroundings {
  limits: Limits
  /** Is told of each generation. */
  watch(generation: Generation, answer: GenerationStream, abort: () => void): void
  /** Is told of failures that are the server's. */
  onError(error: unknown, requestId: string): void
}

/** One HTTP request, and what its answer needs: the body, an id, and a signal for a client that has left. */
export class Exchange implements Holder {
  readonly requestId: string
  /** When it came, by `performance.now()`. */
  readonly begun = performance.now()
  readonly limits: Limits
  /** The model that was asked; undefined while none was. */
  modelName: string | undefined
  /** Of its API key, when that has one: takes the place of the request's own. */
  priority: number | undefined
  /** Not the web's Request: the limit of the body replaces that. */
  readonly #request: HonoRequest
  readonly #around: Surroundings
  readonly #left = new AbortController()
  /** Aborts when nobody waits any more: the client has left, the server closes, or time is up. */
  readonly signal: AbortSignal
  readonly #timer: NodeJS.Timeout | undefined
  /** The request itself, and its generations. */
  #open = 1
  readonly #onEnd: (() => void)[] = []
  #body: Record<string, unknown> = {}
  #retryAfter: number | undefined

  constructor(request: HonoRequest, around: Surroundings) {
    this.#request = request
    this.#around = around
    this.limits = around.limits
    const named = request.header('x-request-id') ?? ''
    this.requestId = /^[\w.:-]{1,128}$/.test(named) ? named : randomUUID()
    const { signal } = request.raw
    if (signal.aborted) this.abort()
    else {
      signal.addEventListener('abort', this.abort, { once: true })
      // Node's Request keeps this signal until it is collected itself, which a way from the signal to the request would prevent for ever.
      this.onEnd(() => signal.removeEventListener('abort', this.abort))
    }
    const { requestTimeout } = this.limits
    this.signal = this.#left.signal
    if (requestTimeout === undefined) return
    const late = new AbortController()
    const error = new LLMError('ERR_TIMEOUT', `the request took longer than its timeout of ${requestTimeout} ms`)
    this.#timer = setTimeout(() => late.abort(error), requestTimeout)
    this.signal = AbortSignal.any([this.#left.signal, late.signal])
  }

  /** Of every generation of this request. */
  get requestOptions(): GenerationOptions {
    const { signal, requestId, priority } = this
    return { signal, requestId, ...(priority !== undefined && { priority }) }
  }

  /** Calls back when the request and its generations have ended. */
  onEnd(callback: () => void): void {
    if (this.#open === 0) callback()
    else this.#onEnd.push(callback)
  }

  /** The request, or one of its generations, has ended. */
  readonly ended = (): void => {
    this.#open--
    if (this.#open > 0) return
    clearTimeout(this.#timer)
    for (const callback of this.#onEnd.splice(0)) callback()
  }

  /** The request has not ended before this has, though its response may have begun. */
  keepOpen<T>(work: Promise<T>): Promise<T> {
    this.#open++
    work.then(this.ended, this.ended)
    return work
  }

  /**
   * Begins a generation of this request.
   * @param isStream whether the client gets it as it grows
   */
  generate(named: NamedModel, prompt: Prompt, options: GenerationOptions, isStream: boolean): GenerationStream {
    const answer = named.model.stream(prompt, options)
    this.modelName = named.name
    this.#retryAfter = named.retryAfter
    this.keepOpen(answer.result)
    const { requestId, begun } = this
    const { headers } = this.#request.raw
    const generation = { named, requestId, headers, begun, isChat: Array.isArray(prompt), isStream, options }
    this.#around.watch(generation, answer, this.abort)
    return answer
  }

  /** What a stream of events needs. */
  get events(): EventStreamOptions {
    return { abort: this.abort, report: this.report, errorBody: this.errorBody }
  }

  /** An error in the shape of the protocol that was asked. */
  readonly errorBody = (problem: ApiError): object => {
    const shape = errorShapeOf(this.#request.path, this.#request.header(anthropicHeader) !== undefined)
    return shape(problem, this.requestId)
  }

  /** The response to a request that failed. */
  respond(error: unknown): Response {
    const problem = this.report(error)
    // 499 is nginx's: the client has left, and only the log sees it.
    return problem?.responseWith(this.errorBody(problem)) ?? new Response(null, { status: 499 })
  }

  /** The client has left, or the server closes. */
  readonly abort = (): void => this.#left.abort()

  /** What a failure is answered with; undefined when the client has left. */
  readonly report = (error: unknown): ApiError | undefined => {
    if (this.#left.signal.aborted) return undefined
    const problem = apiErrorOf(error, fieldNames, this.#body)
    // A model.yaml says when whoever was turned away may come again.
    if (problem.status === 429) problem.details.retryAfter = this.#retryAfter ?? problem.details.retryAfter
    if (problem.status >= 500) this.#around.onError(error, this.requestId)
    return problem
  }

  /** The body of the request. @throws ApiError 400 for what is no JSON object */
  async json(): Promise<Record<string, unknown>> {
    const text = await this.#request.text()
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch (error) {
      throw ApiError.invalid(null, `the body is not JSON: ${(error as Error).message.slice(0, 200)}`)
    }
    if (!check.object.accepts(body)) {
      throw ApiError.invalid(null, `expected the body to be an object, received ${check.describe(body)}`)
    }
    this.#body = body as Record<string, unknown>
    return this.#body
  }
}
