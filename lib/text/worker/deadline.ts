/** How long one job may go on, in milliseconds. */
export interface TimeLimits {
  /** CPU time of the thread that runs it. */
  cpuMs: number
  /** Time on the clock, for a thread that waits and computes nothing. */
  wallMs: number
}

/** What a {@link Deadline} reads and sets. */
export interface DeadlineClocks {
  /** Milliseconds of CPU time that the thread has used since it began; undefined while that is not known. */
  cpu(): number | undefined
  /** Milliseconds on a clock that only goes forward. */
  wall(): number
  /** Calls back once, in `ms` milliseconds; returns what prevents that. */
  after(ms: number, call: () => void): () => void
}

/** A thread that is about to run out of its time is looked at no more often than this. */
const shortestWaitMs = 10

/**
 * Watches what a thread does with its time, from another thread. A thread uses at most one millisecond of CPU time per
 * millisecond, so the next look is due when it could have used up the rest at the earliest: on a busy machine, where it
 * computes less, a few looks find that it has time left.
 */
export class Deadline {
  readonly #limits: TimeLimits
  readonly #clocks: DeadlineClocks
  readonly #onExpired: (limit: 'cpu' | 'wall') => void
  #cpuEnd = 0
  #wallEnd = 0
  #cancel: (() => void) | undefined

  /** @param onExpired called once after a {@link start}, with the limit that was passed, unless {@link stop} comes first. */
  constructor(limits: TimeLimits, clocks: DeadlineClocks, onExpired: (limit: 'cpu' | 'wall') => void) {
    this.#limits = limits
    this.#clocks = clocks
    this.#onExpired = onExpired
  }

  /** Begins to count anew. While the CPU time is not known, it counts from the thread's beginning. */
  start(): void {
    this.#cpuEnd = (this.#clocks.cpu() ?? 0) + this.#limits.cpuMs
    this.#wallEnd = this.#clocks.wall() + this.#limits.wallMs
    this.#look()
  }

  /** Leaves at most `cpuMs` of CPU time for what runs. */
  hurry(cpuMs: number): void {
    if (this.#cancel === undefined) return
    this.#cpuEnd = Math.min(this.#cpuEnd, (this.#clocks.cpu() ?? 0) + cpuMs)
    this.#look()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #look(): void {
    this.stop()
    const cpuLeft = this.#cpuEnd - (this.#clocks.cpu() ?? 0)
    const wallLeft = this.#wallEnd - this.#clocks.wall()
    if (cpuLeft <= 0) this.#onExpired('cpu')
    else if (wallLeft <= 0) this.#onExpired('wall')
    else this.#cancel = this.#clocks.after(Math.min(Math.max(cpuLeft, shortestWaitMs), wallLeft), () => this.#look())
  }
}
