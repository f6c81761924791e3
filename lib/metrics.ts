import type { NativeMetrics } from './engine/boundary.js'
import type { Residency } from './engine/resident.js'

/** Counts of a model: how it is now, and sums since it was loaded. `llm.metrics()`. */
export interface Metrics extends NativeMetrics {
  /** Requests that have not ended, those whose prompt is being tokenized included. `running` and `waiting` count answers in the engine. */
  activeRequests: number
  /** Whether the model is in memory; an idle one leaves it after `unloadAfter`. */
  residency: Residency
}
