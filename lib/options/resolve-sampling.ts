import { randomBytes } from 'node:crypto'
import type { GenerationOptions } from './generation.js'
import { nativeSampling, type Sampling, type SamplingDefaults, samplingDefaults, samplingWishes } from './sampling.js'

/** The most likely token, always. */
export const greedySampling: Sampling = fromNative(({ greedy }) => greedy)

/**
 * Greedy unless the request or generation_config.json samples. A request samples with `doSample`, with a temperature above 0, or with
 * another option that only sampling has. Its temperature 0 is greedy, whatever else it sets.
 * @throws TypeError when a request asks to sample and to be greedy, or for several greedy answers.
 */
export function resolveSampling(options: GenerationOptions, model: SamplingDefaults): Sampling {
  const { doSample, temperature, numReturnSequences = 1 } = options
  if (doSample === true && temperature === 0) {
    throw new TypeError('expected temperature above 0 with doSample: true, received 0; leave out one of them')
  }
  const wished =
    temperature === undefined ? samplingWishes.some((name) => options[name] !== undefined) : temperature > 0
  const samples = temperature === 0 ? false : (doSample ?? (wished || model.doSample))
  if (!samples && numReturnSequences > 1) {
    throw new TypeError(
      `expected numReturnSequences to be 1 without sampling, received ${numReturnSequences}: greedy answers would all be the same`,
    )
  }
  if (!samples) return greedySampling
  const fallback: Sampling = { ...samplingDefaults, seed: randomBytes(4).readUInt32LE() }
  const fromModel: Partial<Record<keyof Sampling, number | undefined>> = model
  return fromNative(({ name }) => options[name] ?? fromModel[name] ?? fallback[name])
}

function fromNative(value: (row: (typeof nativeSampling)[number]) => unknown): Sampling {
  return Object.fromEntries(nativeSampling.map((row) => [row.name, value(row)])) as Sampling
}
