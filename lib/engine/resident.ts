import { channel } from 'node:diagnostics_channel'
import { LLMError } from '../errors.js'
import type { NativeMetrics, ReadyInfo } from './boundary.js'
import type { Engine } from './engine.js'
import { ownError } from './failure.js'
import { EngineHealth, type Health } from './health.js'

/** Whether a model is in memory; `failed`: its engine has died, and {@link Health} says more. */
export type Residency = 'loaded' | 'unloading' | 'unloaded' | 'loading' | 'failed' | 'closed'

/** Channels `openvino-llm:model:unload` and `openvino-llm:model:load`: an idle model was unloaded, or a request has loaded it again. */
export interface ModelResidency {
  /** Folder of the model. */
  model: string
  /** Milliseconds that it took. */
  elapsed: number
}

/** Channel `openvino-llm:model:fail`: the engine of a model has died, or could not be opened after it had died. */
export interface ModelFailure extends Pick<Health, 'failures' | 'retryAt'> {
  /** Folder of the model. */
  model: string
  error: LLMError
}

const channels = {
  unload: channel('openvino-llm:model:unload'),
  load: channel('openvino-llm:model:load'),
  fail: channel('openvino-llm:model:fail'),
}

/** What a {@link ResidentEngine} needs of the engine that it holds. */
export type HeldEngine = Pick<Engine, 'info' | 'submit' | 'cancel' | 'metrics' | 'watch' | 'close'>

export interface ResidentOptions<E extends HeldEngine> {
  /** Folder of the model. */
  model: string
  /** Opens the engine again; an aborted signal rejects. */
  open(signal: AbortSignal): Promise<E>
  /** Seconds without a request until the engine is closed; undefined: never. */
  unloadAfter: number | undefined
  /** Timers of the system unless a test says otherwise. */
  timers?: { set(callback: () => void, ms: number): unknown; clear(timer: unknown): void }
  /** Decides when a dead engine is opened again. */
  health?: EngineHealth
}

const systemTimers = {
  // An idle process may end.
  set: (callback: () => void, ms: number): unknown => setTimeout(callback, ms).unref(),
  clear: (timer: unknown): void => clearTimeout(timer as NodeJS.Timeout),
}

/** The engine of a model: closed while nobody needs it or when it has died, and opened again for the next request. */
export class ResidentEngine<E extends HeldEngine = Engine> {
  readonly #options: ResidentOptions<E>
  readonly #timers: NonNullable<ResidentOptions<E>['timers']>
  readonly #health: EngineHealth
  readonly #closed = new AbortController()
  #engine: E | undefined
  #info: ReadyInfo
  #sums: Partial<NativeMetrics> = {}
  #loading: Promise<E> | undefined
  #unloading: Promise<void> | undefined
  #requests = 0
  #timer: unknown

  constructor(engine: E, options: ResidentOptions<E>) {
    this.#info = engine.info
    this.#options = options
    this.#timers = options.timers ?? systemTimers
    this.#health = options.health ?? new EngineHealth()
    this.#hold(engine)
    this.#rest()
  }

  /** What the addon learned while it loaded the model, the last time. */
  get info(): ReadyInfo {
    this.#info = this.#engine?.info ?? this.#info
    return this.#info
  }

  get residency(): Residency {
    if (this.#closed.signal.aborted) return 'closed'
    if (this.#engine) return 'loaded'
    if (this.#loading) return 'loading'
    if (this.health.state === 'failed') return 'failed'
    return this.#unloading ? 'unloading' : 'unloaded'
  }

  get health(): Health {
    return this.#health.health
  }

  /** A request begins: the engine stays until it has ended. */
  begin(): void {
    this.#requests++
    this.#stopTimer()
  }

  end(): void {
    this.#requests--
    this.#rest()
  }

  /**
   * The engine, opened again when it was closed; to be asked for between {@link begin} and {@link end}. All who wait share one load; when
   * it fails each of them gets an error of its own, and the next one tries again.
   * @throws LLMError as `LLM.load`, `ERR_CLOSED`, and `ERR_UNAVAILABLE` while {@link EngineHealth} says so
   */
  async ready(): Promise<E> {
    if (this.#closed.signal.aborted) throw closedError()
    if (this.#engine) return this.#engine
    if (this.#loading) {
      this.#health.join()
    } else {
      this.#health.open()
      this.#loading = this.#load().finally(() => {
        this.#loading = undefined
        this.#rest()
      })
    }
    try {
      return await this.#loading
    } catch (error) {
      throw ownError(error)
    }
  }

  /** As of the last step; sums go on over reloads. */
  metrics(): NativeMetrics {
    const now = this.#engine?.metrics() ?? nothing
    return addSums(now, this.#sums)
  }

  /** Idempotent; resolves when the memory is free, whatever went on. */
  async close(): Promise<void> {
    this.#closed.abort()
    this.#stopTimer()
    const engine = this.#engine
    this.#engine = undefined
    if (engine) this.#info = engine.info
    await Promise.all([engine?.close(), this.#unloading, this.#loading?.catch(() => {})])
  }

  /** Begins to wait for the end of the idle time. */
  #rest(): void {
    const { unloadAfter } = this.#options
    if (unloadAfter === undefined || this.#requests > 0 || !this.#engine || this.#timer !== undefined) return
    this.#timer = this.#timers.set(() => {
      this.#timer = undefined
      if (!this.#engine) return
      const begin = performance.now()
      void this.#unload(this.#engine).then(() => this.#publish(channels.unload, begin))
    }, unloadAfter * 1000)
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
  }

  #unload(engine: E): Promise<void> {
    this.#info = engine.info
    this.#sums = addSums(engine.metrics(), this.#sums)
    this.#engine = undefined
    this.#unloading = engine.close().then(() => {
      this.#unloading = undefined
    })
    return this.#unloading
  }

  #hold(engine: E): void {
    this.#engine = engine
    engine.watch({
      computed: () => this.#health.computed(),
      died: (cause) => {
        // One that is being closed may die of it.
        if (this.#engine !== engine) return
        this.#stopTimer()
        void this.#unload(engine)
        this.#failed(cause)
      },
    })
  }

  #failed(error: LLMError): void {
    this.#health.failed(error)
    if (!channels.fail.hasSubscribers) return
    const { failures, retryAt } = this.health
    channels.fail.publish({ model: this.#options.model, error, failures, retryAt } satisfies ModelFailure)
  }

  async #load(): Promise<E> {
    // Never in memory twice.
    await this.#unloading
    const begin = performance.now()
    const { signal } = this.#closed
    try {
      signal.throwIfAborted()
      const engine = await this.#options.open(signal)
      if (signal.aborted || engine.info.vocabularySize !== this.#info.vocabularySize) {
        await engine.close()
        throw new LLMError(
          'ERR_MODEL_INVALID',
          `${this.#options.model}: expected the files that were loaded first, found another vocabulary; load the model anew`,
        )
      }
      this.#hold(engine)
      this.#publish(channels.load, begin)
      return engine
    } catch (error) {
      if (signal.aborted) throw closedError()
      if (this.health.failures > 0) this.#failed(asLLMError(error))
      throw error
    }
  }

  #publish(to: typeof channels.load, begin: number): void {
    if (!to.hasSubscribers) return
    to.publish({ model: this.#options.model, elapsed: performance.now() - begin } satisfies ModelResidency)
  }
}

const asLLMError = (error: unknown): LLMError =>
  error instanceof LLMError ? error : new LLMError('ERR_ENGINE', String(error), { cause: error })

const closedError = (): LLMError => new LLMError('ERR_CLOSED', 'the model has been closed')

const nothing: NativeMetrics = {
  running: 0,
  waiting: 0,
  blocks: 0,
  blocksUsed: 0,
  blocksCached: 0,
  evictions: 0,
  steps: 0,
  promptTokens: 0,
  cachedTokens: 0,
  prefixHits: 0,
  generatedTokens: 0,
  draftTokens: 0,
  acceptedTokens: 0,
  preemptions: 0,
}

/** Numbers that describe a moment. All others are sums. */
const moments: readonly (keyof NativeMetrics)[] = ['running', 'waiting', 'blocks', 'blocksUsed', 'blocksCached']

function addSums(now: NativeMetrics, before: Partial<NativeMetrics>): NativeMetrics {
  const sum = { ...now }
  for (const name of Object.keys(nothing) as (keyof NativeMetrics)[]) {
    if (!moments.includes(name)) sum[name] += before[name] ?? 0
  }
  return sum
}
