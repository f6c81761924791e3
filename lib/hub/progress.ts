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
  readonly #total: number
  readonly #onProgress: (progress: DownloadProgress) => void
  readonly #now: () => number
  /** When so many bytes had been fetched, the oldest first. */
  #samples: { time: number; bytes: number }[] = []

  constructor(
    total: number,
    onProgress: (progress: DownloadProgress) => void = () => undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#total = total
    this.#onProgress = onProgress
    this.#now = now
  }

  /** @param how whether they came through the network now, or were there: those say nothing about the rate */
  add(bytes: number, how: 'fetched' | 'found'): void {
    this.#done += bytes
    if (how === 'fetched') this.#fetched += bytes
    const time = this.#now()
    if (time - this.#reported < interval && this.#done !== this.#total) return
    this.#reported = time
    this.#onProgress({ done: this.#done, total: this.#total, ...this.#rate(time) })
  }

  #rate(time: number): Pick<DownloadProgress, 'bytesPerSecond' | 'secondsLeft'> {
    this.#samples.push({ time, bytes: this.#fetched })
    while (this.#samples.length > 2 && time - this.#samples[1]!.time >= span) this.#samples.shift()
    const [first] = this.#samples
    const elapsed = time - first!.time
    const bytesPerSecond = elapsed > 0 ? Math.round(((this.#fetched - first!.bytes) / elapsed) * 1000) : 0
    const left = this.#total - this.#done
    return { bytesPerSecond, secondsLeft: left === 0 ? 0 : bytesPerSecond > 0 ? left / bytesPerSecond : undefined }
  }
}
