import type { NativeMetrics } from './engine/boundary.js'
import type { Health } from './engine/health.js'
import type { Residency } from './engine/resident.js'

/** Counts of a model: how it is now, and sums since it was loaded. `llm.metrics()`. */
export interface Metrics extends NativeMetrics {
  /** Requests that have not ended, those whose prompt is being tokenized included. `running` and `waiting` count answers in the engine. */
  activeRequests: number
  /** Whether the model is in memory; an idle one is unloaded after `unloadAfter`. */
  residency: Residency
  /** Whether its engine works, and if not, why and when it is tried again. */
  health: Health
}
