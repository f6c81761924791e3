import { performance } from 'node:perf_hooks'

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes that are there, those of earlier attempts included. */
  done: number
  /** Bytes of all files that were asked for. */
  total: number
  /** Bytes in a second, over the last seconds; 0 until that is known. */
  bytesPerSecond: number
  /** Seconds that the rest will take at this rate; undefined until that is known. */
  secondsLeft: number | undefined
}

/** Milliseconds: between two reports, and of the time over which the rate is measured. */
const interval = 100
const span = 5000

/** Counts bytes and reports them, at most ten times a second. */
export class ProgressMeter {
  #done = 0
  #fetched = 0
  #reported = Number.NEGATIVE_INFINITY
  #later: NodeJS.Timeout | undefined
  /** When so many bytes had been fetched, the oldest first. */
  #samples: { time: number; bytes: number }[] = []
  readonly #total: number
  readonly #onProgress: (progress: DownloadProgress) => void

  constructor(total: number, onProgress: (progress: DownloadProgress) => void = () => undefined) {
    this.#total = total
    this.#onProgress = onProgress
  }

  /** @param how whether they came through the network now, or were there: those say nothing about the rate */
  add(bytes: number, how: 'fetched' | 'found'): void {
    this.#done += bytes
    if (how === 'fetched') this.#fetched += bytes
    const wait = this.#done === this.#total ? 0 : this.#reported + interval - performance.now()
    if (wait <= 0) this.#report()
    else this.#later ??= setTimeout(() => this.#report(), wait).unref()
  }

  /** Reports nothing any more. */
  close(): void {
    clearTimeout(this.#later)
  }

  #report(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    const time = performance.now()
    this.#reported = time
    this.#samples.push({ time, bytes: this.#fetched })
    while (this.#samples.length > 2 && time - this.#samples[1]!.time >= span) this.#samples.shift()
    const first = this.#samples[0]!
    const rate = time > first.time ? ((this.#fetched - first.bytes) / (time - first.time)) * 1000 : 0
    const left = this.#total - this.#done
    this.#onProgress({
      done: this.#done,
      total: this.#total,
      bytesPerSecond: Math.round(rate),
      secondsLeft: left === 0 ? 0 : rate > 0 ? left / rate : undefined,
    })
  }
}
