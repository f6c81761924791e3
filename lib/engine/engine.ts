import { loadAddon } from '../addon/load.js'
import { LLMError } from '../errors.js'
import type {
  EngineConfig,
  EngineEvent,
  NativeEngine,
  NativeFinishReason,
  NativeLogprobs,
  NativeMetrics,
  NativeTimings,
  ReadyInfo,
  RequestParams,
  Vocabulary,
} from './boundary.js'
import { ownError } from './failure.js'
import type { JobProgress } from './job.js'

/** What becomes of one answer. `finished` or `failed` is called once, and last. */
export interface RequestHandler {
  tokens(tokens: Int32Array): void
  /** A whole answer of a beam search, and its score. */
  beamAnswer?(tokens: Int32Array, score: number): void
  /** Log-probabilities of tokens of the prompt, or of the tokens that come next. */
  logprobs?(found: NativeLogprobs): void
  /** So many of the sequence's tokens have been computed again; see the event `reprefill`. */
  reprefill?(done: number, total: number): void
  finished(reason: NativeFinishReason, timings: NativeTimings): void
  failed(error: unknown): void
}

export interface EngineListeners {
  signal?: AbortSignal | undefined
  onProgress?: ((progress: JobProgress) => void) | undefined
  onWarning?: ((code: string, message: string) => void) | undefined
}

/** Is told of an engine as a whole, each at most once; must not throw. */
export interface EngineWatcher {
  /** A step has succeeded for the first time. */
  computed(): void
  /** The engine has died; its requests are about to fail with the same cause. */
  died(cause: LLMError): void
}

interface Settle {
  resolve(engine: Engine): void
  reject(error: unknown): void
}

/** A loaded model on its own native thread. */
export class Engine {
  #native: NativeEngine
  #info: ReadyInfo | undefined
  #handlers = new Map<number, RequestHandler>()
  #nextId = 1
  #ready: Settle | undefined
  #closed: Promise<void>
  #onClosed: () => void = () => {}
  #closing = false
  #computed = false
  #failure: LLMError | undefined
  #hasVocabulary = false
  #watcher: EngineWatcher | undefined
  #listeners: EngineListeners

  /**
   * Loads a model. An aborted signal rejects at once with `signal.reason`; the thread ends as soon as OpenVINO lets it.
   * @throws LLMError with the code of what went wrong.
   */
  static start(config: EngineConfig, listeners: EngineListeners = {}): Promise<Engine> {
    return new Promise((resolve, reject) => {
      const { signal } = listeners
      signal?.throwIfAborted()
      const abort = () => {
        reject(signal?.reason)
        engine.close()
      }
      const settle = () => signal?.removeEventListener('abort', abort)
      const engine = new Engine(config, listeners, {
        resolve: (ready) => {
          settle()
          resolve(ready)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  private constructor(config: EngineConfig, listeners: EngineListeners, ready: Settle) {
    this.#listeners = listeners
    this.#ready = ready
    this.#closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
    const { Engine: Native } = loadAddon()
    this.#native = new Native(config, (events) => {
      for (const event of events) this.#take(event)
    })
  }

  /** What the addon learned while it loaded the model. */
  get info(): ReadyInfo {
    if (!this.#info) throw new Error('the engine is not ready')
    return this.#info
  }

  /** Why the engine is dead; undefined while it lives. Set before its requests fail; it only can be closed then. */
  get failure(): LLMError | undefined {
    return this.#failure
  }

  /** What has happened already is told at once. */
  watch(watcher: EngineWatcher): void {
    this.#watcher = watcher
    if (this.#computed) watcher.computed()
    if (this.#failure) watcher.died(this.#failure)
  }

  /** The model's tokens, without which no request may have a grammar. Only the first call counts. */
  learnVocabulary(vocabulary: () => Vocabulary): void {
    if (this.#hasVocabulary || this.#closing) return
    this.#native.vocabulary(vocabulary())
    this.#hasVocabulary = true
  }

  /** Starts or queues a request with an answer for each handler and gives their ids. Token ids and params must have been checked. */
  submit(prompt: Int32Array, params: RequestParams, handlers: readonly RequestHandler[]): number[] {
    if (this.#failure) throw ownError(this.#failure)
    if (this.#closing) throw new LLMError('ERR_CLOSED', 'the model has been closed')
    const ids = handlers.map((handler) => {
      this.#handlers.set(this.#nextId, handler)
      return this.#nextId++
    })
    try {
      this.#native.submit(ids, prompt, params)
    } catch (error) {
      for (const id of ids) this.#handlers.delete(id)
      throw error
    }
    return ids
  }

  /** Counts as of the last step. */
  metrics(): NativeMetrics {
    return this.#native.metrics()
  }

  /** Idempotent; the answer ends as `cancelled` unless it ended before. */
  cancel(id: number): void {
    this.#native.cancel(id)
  }

  /** Idempotent. Ends every request as `cancelled` and resolves when the thread is gone and its memory is free. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true
      this.#native.close()
    }
    return this.#closed
  }

  /** Called by the addon, which must never see an exception: what a handler throws fails that handler's request. */
  #take(event: EngineEvent): void {
    switch (event.type) {
      case 'ready':
        this.#info = event.info
        this.#ready?.resolve(this)
        this.#ready = undefined
        return
      case 'reopened': {
        // Warming up was done by whoever computed meanwhile.
        const { warmup } = this.info.timings
        this.#info = { ...event.info, timings: { ...event.info.timings, warmup } }
        return
      }
      case 'progress':
        this.#report(event)
        return
      case 'warning':
        this.#warn(event.code, event.message)
        return
      case 'closed':
        this.#onClosed()
        return
      case 'failed':
        if (event.id === 0) {
          this.#died(new LLMError(event.code, event.message))
        } else {
          this.#finish(event.id, (handler) => handler.failed(new LLMError(event.code, event.message)))
        }
        return
      case 'finished':
        if (event.reason !== 'cancelled') this.#hasComputed()
        this.#finish(event.id, (handler) => handler.finished(event.reason, event.timings))
        return
      case 'tokens':
        this.#hasComputed()
        this.#tell(event.id, (handler) => handler.tokens(event.tokens))
        return
      case 'beam-answer':
        this.#hasComputed()
        this.#tell(event.id, (handler) => handler.beamAnswer?.(event.tokens, event.score))
        return
      case 'logprobs':
        this.#tell(event.id, (handler) => handler.logprobs?.(event))
        return
      case 'reprefill':
        this.#tell(event.id, (handler) => handler.reprefill?.(event.done, event.total))
    }
  }

  /** Before it was ready: it did not load, and nobody else has it to close. */
  #died(cause: LLMError): void {
    this.#failure = cause
    this.#watcher?.died(cause)
    if (!this.#ready) return
    this.#ready.reject(cause)
    this.#ready = undefined
    this.close()
  }

  #hasComputed(): void {
    if (this.#computed) return
    this.#computed = true
    this.#watcher?.computed()
  }

  #tell(id: number, what: (handler: RequestHandler) => void): void {
    const handler = this.#handlers.get(id)
    if (!handler) return
    try {
      what(handler)
    } catch (error) {
      this.#native.cancel(id)
      this.#finish(id, (failing) => failing.failed(error))
    }
  }

  #finish(id: number, how: (handler: RequestHandler) => void): void {
    const handler = this.#handlers.get(id)
    this.#handlers.delete(id)
    if (handler) how(handler)
  }

  /** What a listener throws is uncaught, as with every event of Node's own; the addon must not see it. */
  #warn(code: string, message: string): void {
    try {
      this.#listeners.onWarning?.(code, message)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #report({ stage, done, total }: JobProgress): void {
    if (!this.#ready || this.#listeners.signal?.aborted) return
    try {
      this.#listeners.onProgress?.({ stage, done, total })
    } catch (error) {
      this.#ready.reject(error)
      this.#ready = undefined
      this.close()
    }
  }
}
