import { channel } from 'node:diagnostics_channel'
import { LLMError } from '../errors.js'
import type { NativeMetrics, ReadyInfo } from './boundary.js'
import type { Engine } from './engine.js'

/** Whether a model is in memory. */
export type Residency = 'loaded' | 'unloading' | 'unloaded' | 'loading' | 'closed'

/** Channels `openvino-llm:model:unload` and `openvino-llm:model:load`: an idle model has left memory, or a request has brought it back. */
export interface ModelResidency {
  /** Folder of the model. */
  model: string
  /** Milliseconds that it took. */
  elapsed: number
}

const channels = { unload: channel('openvino-llm:model:unload'), load: channel('openvino-llm:model:load') }

/** What a {@link ResidentEngine} needs of the engine that it holds. */
export type HeldEngine = Pick<Engine, 'info' | 'submit' | 'cancel' | 'metrics' | 'close'>

export interface ResidentOptions<E extends HeldEngine> {
  /** Folder of the model. */
  model: string
  /** Opens the engine again; an aborted signal rejects. */
  open(signal: AbortSignal): Promise<E>
  /** Seconds without a request until the engine is closed; undefined: never. */
  unloadAfter: number | undefined
  /** Timers of the system unless a test says otherwise. */
  timers?: { set(callback: () => void, ms: number): unknown; clear(timer: unknown): void }
}

const systemTimers = {
  // An idle process may end.
  set: (callback: () => void, ms: number): unknown => setTimeout(callback, ms).unref(),
  clear: (timer: unknown): void => clearTimeout(timer as NodeJS.Timeout),
}

/** The engine of a model, closed while nobody needs it and opened again for the next request. */
export class ResidentEngine<E extends HeldEngine = Engine> {
  readonly #options: ResidentOptions<E>
  readonly #timers: NonNullable<ResidentOptions<E>['timers']>
  readonly #closed = new AbortController()
  #engine: E | undefined
  #info: ReadyInfo
  #sums: Partial<NativeMetrics> = {}
  #loading: Promise<E> | undefined
  #unloading: Promise<void> | undefined
  #requests = 0
  #timer: unknown

  constructor(engine: E, options: ResidentOptions<E>) {
    this.#engine = engine
    this.#info = engine.info
    this.#options = options
    this.#timers = options.timers ?? systemTimers
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
    return this.#unloading ? 'unloading' : 'unloaded'
  }

  /** A request begins: the engine stays until it has ended. */
  begin(): void {
    this.#requests++
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
  }

  end(): void {
    this.#requests--
    this.#rest()
  }

  /**
   * The engine, opened again when it was closed; to be asked for between {@link begin} and {@link end}. All who wait share one load; when
   * it fails all of them do, and the next one tries again.
   * @throws LLMError as `LLM.load`, and `ERR_CLOSED`
   */
  async ready(): Promise<E> {
    if (this.#closed.signal.aborted) throw closedError()
    if (this.#engine) return this.#engine
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
      this.#rest()
    })
    return await this.#loading
  }

  /** As of the last step; sums go on over reloads. */
  metrics(): NativeMetrics {
    const now = this.#engine?.metrics() ?? nothing
    return addSums(now, this.#sums)
  }

  /** Idempotent; resolves when the memory is free, whatever went on. */
  async close(): Promise<void> {
    this.#closed.abort()
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
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
      this.#unloading = this.#unload()
    }, unloadAfter * 1000)
  }

  async #unload(): Promise<void> {
    const engine = this.#engine
    if (!engine) return
    const begin = performance.now()
    this.#info = engine.info
    this.#sums = addSums(engine.metrics(), this.#sums)
    this.#engine = undefined
    await engine.close()
    this.#unloading = undefined
    this.#publish(channels.unload, begin)
  }

  async #load(): Promise<E> {
    // Never in memory twice.
    await this.#unloading
    const begin = performance.now()
    const { signal } = this.#closed
    let engine: E
    try {
      signal.throwIfAborted()
      engine = await this.#options.open(signal)
    } catch (error) {
      throw signal.aborted ? closedError() : error
    }
    if (signal.aborted || engine.info.vocabularySize !== this.#info.vocabularySize) {
      await engine.close()
      if (signal.aborted) throw closedError()
      throw new LLMError(
        'ERR_MODEL_INVALID',
        `${this.#options.model}: expected the files that were loaded first, found another vocabulary; load the model anew`,
      )
    }
    this.#engine = engine
    this.#publish(channels.load, begin)
    return engine
  }

  #publish(to: typeof channels.load, begin: number): void {
    if (!to.hasSubscribers) return
    to.publish({ model: this.#options.model, elapsed: performance.now() - begin } satisfies ModelResidency)
  }
}

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

/** What describes a moment and is no sum. */
const moments: readonly (keyof NativeMetrics)[] = ['running', 'waiting', 'blocks', 'blocksUsed', 'blocksCached']

function addSums(now: NativeMetrics, before: Partial<NativeMetrics>): NativeMetrics {
  const sum = { ...now }
  for (const name of Object.keys(nothing) as (keyof NativeMetrics)[]) {
    if (!moments.includes(name)) sum[name] += before[name] ?? 0
  }
  return sum
}
