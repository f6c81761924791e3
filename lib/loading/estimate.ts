import type { MemoryNeeds } from '../memory/needs.js'
import { reservations } from '../memory/reservation.js'
import { type EstimateOptions, estimateTable } from '../options/estimate.js'
import * as check from '../options/rules.js'
import { warnOnce } from '../warnings.js'
import { readDefinitions } from './definition.js'
import { settleDevice } from './device.js'
import { needsOf } from './memory.js'

/** What a model needs and what there is, in bytes. */
export interface MemoryEstimate extends MemoryNeeds {
  /** What this process can still take, within the limits of its container and without what loads under way have reserved. */
  available: number
  /** Whether everything but the mapped pages, which the system can take back, is available. */
  fits: boolean
}

/**
 * How much memory a model will take once it is loaded and `concurrency` requests of full context have been computed; it is not compiled.
 * The formula was fitted on the CPU, where it was within 8 % of what was measured. A GGUF is converted first, once, as by `LLM.load`.
 *
 * @throws TypeError for options that are unknown or out of range; LLMError `ERR_MODEL_*`, `ERR_UNSUPPORTED_MODEL`, `ERR_DEVICE`
 */
export async function estimate(model: string | URL, options: EstimateOptions = {}): Promise<MemoryEstimate> {
  check.checkOptions(options, estimateTable, 'EstimateOptions')
  const { options: merged, ...models } = await readDefinitions(model, options, warnOnce(undefined))
  const device = await settleDevice(merged, models.definition, reservations.free)
  const needs = await needsOf(models, device, merged)
  const available = reservations.free
  return { ...needs, available, fits: needs.total - needs.weights.mapped <= available }
}
