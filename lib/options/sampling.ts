import { randomBytes } from 'node:crypto'
import type { GenerationOptions } from './generation.js'

/** What generation_config.json says about sampling. */
export interface SamplingDefaults {
  doSample: boolean
  temperature?: number | undefined
  topP?: number | undefined
  topK?: number | undefined
}

/** How one answer is sampled, with nothing left open. `temperature` 0 is greedy. */
export interface Sampling {
  temperature: number
  topP: number
  topK: number
  seed: number
}

/** transformers' default of GenerationConfig.top_k. */
const defaultTopK = 50

/**
 * Greedy unless the request or generation_config.json samples. A request samples with `doSample`, a temperature above 0, `topP` or
 * `topK`; its temperature 0 is greedy whatever else is given.
 * @throws TypeError when a request asks to sample and to be greedy, or for several greedy answers.
 */
export function resolveSampling(options: GenerationOptions, model: SamplingDefaults): Sampling {
  const { doSample, temperature, topP, topK } = options
  if (doSample === true && temperature === 0) {
    throw new TypeError('expected temperature above 0 with doSample: true, received 0; leave out one of them')
  }
  const asked = temperature !== undefined ? temperature > 0 : topP !== undefined || topK !== undefined
  const samples = temperature === 0 ? false : (doSample ?? (asked || model.doSample))
  if (!samples && (options.numReturnSequences ?? 1) > 1) {
    throw new TypeError(
      `expected numReturnSequences to be 1 without sampling, received ${options.numReturnSequences}: greedy answers would all be the same`,
    )
  }
  if (!samples) return { temperature: 0, topP: 1, topK: 0, seed: 0 }
  return {
    temperature: temperature ?? model.temperature ?? 1,
    topP: topP ?? model.topP ?? 1,
    topK: topK ?? model.topK ?? defaultTopK,
    seed: options.seed ?? randomBytes(4).readUInt32LE(),
  }
}
