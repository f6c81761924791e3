import { LLMError } from '../../errors.js'

/** How a pool gets a model, and lets it go. */
export interface PoolSource<M> {
  /** What errors call it. */
  name: string
  /** Bytes that it takes; asked for once, before it is opened. Infinite pools do not ask. */
  bytes(): number | Promise<number>
  /** An aborted signal rejects. */
  open(signal: AbortSignal): Promise<M>
  close(model: M): Promise<void>
  /** Seconds without a holder after which it is closed; undefined: never. */
  unloadAfter?: number | undefined
}

/** Timers of the system unless a test says otherwise. */
export interface PoolTimers {
  set(callback: () => void, ms: number): unknown
  clear(timer: unknown): void
}

const systemTimers: PoolTimers = {
  // An idle process may end.
  set: (callback, ms) => setTimeout(callback, ms).unref(),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

interface Waiter<M> {
  resolve(model: M): void
  reject(error: unknown): void
}

/** One model of a pool. Only the pool changes it. */
export class PooledModel<M> {
  state: 'unloaded' | 'measuring' | 'loading' | 'loaded' | 'unloading' = 'unloaded'
  model: M | undefined
  /** Undefined while nobody has asked. */
  bytes: number | undefined
  /** Closes when nobody holds it any more; requests that come meanwhile wait for the next load. */
  leaves = false
  /** Once it is never opened again: what whoever asks for it gets. */
  removed: Error | undefined
  holders = 0
  /** When it was last asked for: a number that grows. */
  lastUsed = 0
  readonly waiters = new Set<Waiter<M>>()
  timer: unknown

  constructor(readonly source: PoolSource<M>) {}

  /** Whether it takes memory, or is about to. */
  get takesMemory(): boolean {
    return this.state === 'loading' || this.state === 'loaded' || this.state === 'unloading'
  }
}

/**
 * Models that share a bounded memory: each is opened when it is first asked for. When there is no room, those that were not asked for
 * the longest leave, idle ones first. A busy one is asked for nothing new then, so that everybody's turn comes.
 */
export class ModelPool<M> {
  #maxBytes: number
  readonly #timers: PoolTimers
  readonly #models = new Set<PooledModel<M>>()
  /** Models that are wanted and not there, in the order in which they were asked for. */
  #queue: PooledModel<M>[] = []
  readonly #closing = new AbortController()
  #uses = 0
  #emptied: (() => void) | undefined

  constructor(maxBytes = Number.POSITIVE_INFINITY, timers: PoolTimers = systemTimers) {
    this.#maxBytes = maxBytes
    this.#timers = timers
  }

  /** From now on its models may take so many bytes together; more room is used at once. */
  limit(maxBytes: number): void {
    this.#maxBytes = maxBytes
    this.#advance()
  }

  add(source: PoolSource<M>): PooledModel<M> {
    const pooled = new PooledModel(source)
    this.#models.add(pooled)
    return pooled
  }

  /** It is not opened any more. Whoever holds it keeps it; whoever waits for it gets this error. */
  remove(pooled: PooledModel<M>, error: Error): void {
    pooled.removed = error
    pooled.leaves = true
    this.#settle(pooled, (waiter) => waiter.reject(error))
    this.#closeIfIdle(pooled)
    if (!pooled.takesMemory) this.#models.delete(pooled)
  }

  /**
   * The model, opened if it has to be. It stays until {@link release} has been called as often.
   * @throws LLMError `ERR_OUT_OF_MEMORY` when the pool is too small for it, `ERR_CLOSED`; `signal.reason`; and what opening it throws
   */
  async hold(pooled: PooledModel<M>, signal: AbortSignal): Promise<M> {
    signal.throwIfAborted()
    if (this.#closing.signal.aborted) throw closed()
    if (pooled.removed) throw pooled.removed
    pooled.lastUsed = ++this.#uses
    if (pooled.state === 'loaded' && !pooled.leaves) return this.#give(pooled)
    return await new Promise<M>((resolve, reject) => {
      const settled = <T>(how: (value: T) => void) => {
        return (value: T) => {
          signal.removeEventListener('abort', left)
          pooled.waiters.delete(waiter)
          how(value)
        }
      }
      const waiter: Waiter<M> = { resolve: settled<M>(resolve), reject: settled(reject) }
      const left = () => waiter.reject(signal.reason)
      signal.addEventListener('abort', left, { once: true })
      pooled.waiters.add(waiter)
      if (!this.#queue.includes(pooled) && pooled.state !== 'loading') this.#queue.push(pooled)
      this.#advance()
    })
  }

  release(pooled: PooledModel<M>): void {
    pooled.holders--
    this.#rest(pooled)
    this.#advance()
  }

  /** Fails whoever waits, and closes each model when its last holder lets go of it. */
  async close(): Promise<void> {
    this.#closing.abort(closed())
    this.#queue = []
    for (const pooled of this.#models) {
      pooled.leaves = true
      this.#settle(pooled, (waiter) => waiter.reject(closed()))
      this.#closeIfIdle(pooled)
    }
    if (this.#isEmpty) return
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
  }

  #give(pooled: PooledModel<M>): M {
    pooled.holders++
    this.#timers.clear(pooled.timer)
    return pooled.model as M
  }

  /** Serves the first of the queue, and those behind it while there is room. */
  #advance(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (next.waiters.size > 0 && !this.#serve(next)) return
      this.#queue.shift()
    }
  }

  /** Whether it can leave the queue. */
  #serve(pooled: PooledModel<M>): boolean {
    if (pooled.state === 'loaded') {
      // Whoever wanted its room has been served, or has left.
      pooled.leaves = false
      this.#settle(pooled, (waiter) => waiter.resolve(this.#give(pooled)))
      return true
    }
    if (pooled.state !== 'unloaded') return false
    if (this.#maxBytes === Number.POSITIVE_INFINITY) pooled.bytes ??= 0
    if (pooled.bytes === undefined) {
      this.#run(this.#measure(pooled))
      return false
    }
    if (pooled.bytes > this.#maxBytes) {
      const { name } = pooled.source
      const text = `${name} needs ${pooled.bytes} bytes of memory, and the models that the server loads may take ${Math.max(0, this.#maxBytes)} together`
      this.#settle(pooled, (waiter) => waiter.reject(new LLMError('ERR_OUT_OF_MEMORY', text)))
      return true
    }
    if (!this.#makeRoom(pooled.bytes)) return false
    this.#run(this.#open(pooled))
    return true
  }

  /** Whether there is room now; else some models leave. */
  #makeRoom(bytes: number): boolean {
    const present = [...this.#models].filter(({ takesMemory }) => takesMemory)
    const sum = (models: readonly PooledModel<M>[]) => models.reduce((total, { bytes = 0 }) => total + bytes, 0)
    const free = this.#maxBytes - sum(present)
    if (free >= bytes) return true
    const goes = ({ state, leaves }: PooledModel<M>) => state === 'unloading' || leaves
    let coming = free + sum(present.filter(goes))
    const candidates = present
      .filter((pooled) => pooled.state === 'loaded' && !goes(pooled))
      .sort((a, b) => Number(a.holders > 0) - Number(b.holders > 0) || a.lastUsed - b.lastUsed)
    for (const pooled of candidates) {
      if (coming >= bytes) break
      coming += pooled.bytes ?? 0
      pooled.leaves = true
      this.#closeIfIdle(pooled)
    }
    return false
  }

  async #measure(pooled: PooledModel<M>): Promise<void> {
    pooled.state = 'measuring'
    try {
      pooled.bytes = await pooled.source.bytes()
    } catch (error) {
      this.#settle(pooled, (waiter) => waiter.reject(error))
    }
    pooled.state = 'unloaded'
  }

  async #open(pooled: PooledModel<M>): Promise<void> {
    pooled.state = 'loading'
    try {
      pooled.model = await pooled.source.open(this.#closing.signal)
      pooled.state = 'loaded'
      this.#settle(pooled, (waiter) => waiter.resolve(this.#give(pooled)))
      this.#rest(pooled)
    } catch (error) {
      pooled.state = 'unloaded'
      this.#settle(pooled, (waiter) => waiter.reject(error))
    }
  }

  /** What nobody holds is closed when it leaves, else after a while. */
  #rest(pooled: PooledModel<M>): void {
    if (pooled.holders > 0) return
    this.#closeIfIdle(pooled)
    const { unloadAfter } = pooled.source
    if (pooled.state !== 'loaded' || unloadAfter === undefined) return
    pooled.timer = this.#timers.set(() => {
      pooled.leaves = true
      this.#closeIfIdle(pooled)
    }, unloadAfter * 1000)
  }

  #closeIfIdle(pooled: PooledModel<M>): void {
    if (pooled.leaves && pooled.holders === 0 && pooled.state === 'loaded') this.#run(this.#close(pooled))
  }

  async #close(pooled: PooledModel<M>): Promise<void> {
    this.#timers.clear(pooled.timer)
    pooled.state = 'unloading'
    const { model } = pooled
    pooled.model = undefined
    try {
      await pooled.source.close(model as M)
    } finally {
      pooled.state = 'unloaded'
      pooled.leaves = false
      if (pooled.removed) this.#models.delete(pooled)
    }
  }

  #settle(pooled: PooledModel<M>, how: (waiter: Waiter<M>) => void): void {
    for (const waiter of [...pooled.waiters]) how(waiter)
  }

  get #isEmpty(): boolean {
    return [...this.#models].every(({ state }) => state === 'unloaded')
  }

  /** Looks at the queue again when it has ended. */
  #run(work: Promise<void>): void {
    const ended = () => {
      if (this.#isEmpty) this.#emptied?.()
      this.#advance()
    }
    work.then(ended, ended)
  }
}

const closed = (): LLMError => new LLMError('ERR_CLOSED', 'the server closes its models')
