import { readFileSync } from 'node:fs'
import { availableMemory } from './available.js'

/** Memory that a load will take, kept from other loads until it is released. */
export interface Reservation {
  /** Idempotent. To be called when the load has ended, however it ended: what it took is then no longer available anyway. */
  release(): void
}

/** Where the numbers come from; tests put others here. */
export interface MemorySource {
  /** Bytes that the process can still take. Default {@link availableMemory}. */
  available?(): number
  /** Bytes that the process has taken. Default: its anonymous memory on Linux, its resident memory elsewhere. */
  taken?(): number
}

interface Held {
  /** All that the load needs, and how much of it the process has taken already. */
  bytes: number
  taken: number
  /** Reckons the bytes more exactly; undefined once that has been done. */
  refine: (() => Promise<number>) | undefined
}

/**
 * The memory of loads that are under way. A load takes its memory over seconds, so a second one that starts meanwhile must not count on
 * memory that the first has not taken yet. What the process takes while loads are under way is attributed to them, oldest first, so
 * that nothing is counted twice.
 */
export class MemoryReservations {
  readonly #available: () => number
  readonly #takenNow: () => number
  /** In the order in which they began. */
  readonly #held = new Set<Held>()
  #taken = 0

  constructor({ available = availableMemory, taken = takenMemory }: MemorySource = {}) {
    this.#available = available
    this.#takenNow = taken
  }

  /** Bytes that loads under way have reserved and not taken yet. */
  get reserved(): number {
    this.#attribute()
    let sum = 0
    for (const held of this.#held) sum += outstanding(held)
    return sum
  }

  /** Bytes that a new load can have, ≥ 0. */
  get free(): number {
    const { reserved } = this
    return Math.max(0, this.#available() - reserved)
  }

  /**
   * Reserves; whether so much is {@link free} is the caller's to check, in the same turn of the event loop.
   * @param bytes ≥ 0
   * @param refine when `bytes` is a quick upper bound: reckons them more exactly
   */
  reserve(bytes: number, refine?: () => Promise<number>): Reservation {
    this.#attribute()
    const held: Held = { bytes, taken: 0, refine }
    this.#held.add(held)
    return {
      release: () => {
        this.#attribute()
        this.#held.delete(held)
      },
    }
  }

  /** Replaces the upper bounds of all reservations by exact numbers. A reckoning that fails leaves its bound. */
  async refine(): Promise<void> {
    await Promise.all(
      [...this.#held].map(async (held) => {
        const { refine, bytes } = held
        held.refine = undefined
        if (refine) held.bytes = Math.min(bytes, await refine().catch(() => bytes))
      }),
    )
  }

  /** Counts towards the reservations what the process has taken since the last time. */
  #attribute(): void {
    const taken = this.#takenNow()
    let grown = Math.max(0, taken - this.#taken)
    this.#taken = taken
    for (const held of this.#held) {
      const part = Math.min(grown, outstanding(held))
      held.taken += part
      grown -= part
    }
  }
}

const outstanding = ({ bytes, taken }: Held): number => Math.max(0, bytes - taken)

/** The reservations of all loads, but for those in other worker threads, which have modules of their own. */
export const reservations = new MemoryReservations()

/** Pages of mapped files do not count: {@link availableMemory} takes them as free. */
function takenMemory(): number {
  if (process.platform === 'linux') {
    const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(statusFile())?.[1]
    if (kilobytes !== undefined) return 1024 * Number(kilobytes)
  }
  return process.memoryUsage.rss()
}

function statusFile(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch {
    return ''
  }
}
