// @ts-check
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Between two looks at the event loop, in milliseconds: more looks would cost time themselves. */
const resolution = 5

/** How late the event loop is. */
export class EventLoopDelay {
  #histogram = monitorEventLoopDelay({ resolution })

  start() {
    this.#histogram.enable()
  }

  stop() {
    this.#histogram.disable()
  }

  get milliseconds() {
    // The histogram has nanoseconds between two looks.
    const late = (/** @type {number} */ nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolution)
    const histogram = this.#histogram
    return { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), max: late(histogram.max) }
  }
}
