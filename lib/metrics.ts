import type { NativeMetrics } from './native/addon.js'

/** Counts of a model: how it is now, and sums since it was loaded. `llm.metrics()`. */
export interface Metrics extends NativeMetrics {
  /** Requests that have not ended, those whose prompt is being tokenized included. `running` and `waiting` count answers in the engine. */
  activeRequests: number
}
