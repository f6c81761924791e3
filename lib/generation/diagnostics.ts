import { channel } from 'node:diagnostics_channel'
import type { ReprefillProgress } from '../options/generation.js'
import type { CheckedPrompt } from './prompt.js'
import type { RequestQueue } from './queue.js'
import type { FinishReason, GenerationResult, Timings, Usage } from './result.js'
import type { StreamObserver } from './stream.js'

/** Channel `openvino-llm:request:start`: a request was made. */
export interface RequestStart {
  /** The same in all messages of a request; unique in the process. */
  id: number
  /** `GenerationOptions.requestId`, or what was made instead. */
  requestId: string
  /** Folder of the model. */
  model: string
  prompt: CheckedPrompt['kind']
  /** Answers that were asked for; 0 for `llm.warm`. */
  answers: number
  priority: number
}

/** Channel `openvino-llm:request:first-token`. */
export interface RequestFirstToken {
  id: number
  requestId: string
  /** Milliseconds since the request was made. */
  elapsed: number
}

/** Channel `openvino-llm:request:reprefill`: an answer has outgrown the short LongRoPE factors and is computed again. */
export interface RequestReprefill extends ReprefillProgress {
  id: number
  requestId: string
  /** Milliseconds since the request was made. */
  elapsed: number
}

/** Channel `openvino-llm:request:end`: it succeeded, or the caller left its loop early. */
export interface RequestEnd {
  id: number
  requestId: string
  /** Milliseconds since the request was made. */
  elapsed: number
  /** One for each answer. */
  finishReasons: FinishReason[]
  usage: Usage
  timings: Timings
}

/** Channel `openvino-llm:request:error`: it rejected with `error`, which is `signal.reason` when it was aborted. */
export interface RequestError {
  id: number
  requestId: string
  /** Milliseconds since the request was made. */
  elapsed: number
  error: unknown
}

// Node wants a message to be an object of any kind.
const channels = {
  start: channel('openvino-llm:request:start'),
  firstToken: channel('openvino-llm:request:first-token'),
  reprefill: channel('openvino-llm:request:reprefill'),
  end: channel('openvino-llm:request:end'),
  error: channel('openvino-llm:request:error'),
}

let lastId = 0

/** Follows one request for the queue, and for whoever subscribed to the channels of `node:diagnostics_channel`. */
export class RequestTracker implements StreamObserver {
  readonly #id = ++lastId
  readonly #begin = performance.now()
  readonly #queue: RequestQueue
  readonly #requestId: string
  #entered = false

  constructor(queue: RequestQueue, about: Omit<RequestStart, 'id'>) {
    this.#queue = queue
    this.#requestId = about.requestId
    if (channels.start.hasSubscribers) channels.start.publish({ id: this.#id, ...about } satisfies RequestStart)
  }

  /** @throws LLMError `ERR_QUEUE_FULL` */
  enter(): void {
    this.#queue.enter()
    this.#entered = true
  }

  firstToken(): void {
    const { firstToken } = channels
    if (firstToken.hasSubscribers) firstToken.publish(this.#message({}) satisfies RequestFirstToken)
  }

  reprefill(progress: ReprefillProgress): void {
    const { reprefill } = channels
    if (reprefill.hasSubscribers) reprefill.publish(this.#message(progress) satisfies RequestReprefill)
  }

  ended({ answers, usage, timings }: GenerationResult): void {
    this.#leave()
    if (!channels.end.hasSubscribers) return
    const finishReasons = answers.map(({ finishReason }) => finishReason)
    channels.end.publish(this.#message({ finishReasons, usage, timings }) satisfies RequestEnd)
  }

  failed(error: unknown): void {
    this.#leave()
    if (channels.error.hasSubscribers) channels.error.publish(this.#message({ error }) satisfies RequestError)
  }

  #leave(): void {
    if (this.#entered) this.#queue.leave()
  }

  #message<T extends object>(fields: T): T & { id: number; requestId: string; elapsed: number } {
    return { id: this.#id, requestId: this.#requestId, elapsed: performance.now() - this.#begin, ...fields }
  }
}
