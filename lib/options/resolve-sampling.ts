import { randomBytes } from 'node:crypto'
import type { GenerationOptions } from './generation.js'
import { nativeSampling, type Sampling, samplingDefaults, samplingWishes } from './sampling.js'

/** The most likely token, always. */
export const greedySampling: Sampling = greedy({})

/** Options and who set them. */
interface Layer<Source> {
  source: Source
  options: GenerationOptions
}

/**
 * Whether answers are sampled, and by whose word: the strongest layer that sets doSample or temperature decides; a temperature above 0
 * samples. The caller's layers, and a model.yaml, also sample by setting another option that only sampling has, unless the temperature is 0.
 * Other files of a model do not: transformers writes `top_k` whether or not it samples.
 * @param layers the strongest first
 * @returns no source when no layer says anything: greedy
 */
export function samplingDecision<Source extends string>(
  layers: readonly Layer<Source>[],
): { samples: boolean; source?: Source } {
  const temperature = layers.find(({ options }) => options.temperature !== undefined)?.options.temperature
  for (const { source, options } of layers) {
    if (options.doSample !== undefined) return { samples: options.doSample && options.temperature !== 0, source }
    if (options.temperature !== undefined) return { samples: options.temperature > 0, source }
    const callers = source === 'request' || source === 'LoadOptions.defaults' || source === 'model.yaml'
    const wished = samplingWishes.some((name) => options[name] !== undefined)
    if (callers && wished && temperature !== 0) return { samples: true, source }
  }
  return { samples: false }
}

/** @throws TypeError when options that were set together contradict each other. */
export function checkSampling(options: GenerationOptions): void {
  const { doSample, temperature, minNewTokens = 0, maxNewTokens = minNewTokens } = options
  if (doSample === true && temperature === 0) {
    throw new TypeError('expected temperature above 0 with doSample: true, received 0; leave out one of them')
  }
  if (minNewTokens > maxNewTokens) {
    throw new TypeError(`expected minNewTokens to be at most maxNewTokens (${maxNewTokens}), received ${minNewTokens}`)
  }
  const forced = [options.forcedEosTokenId ?? []].flat()
  if (forced.length > 0 && forced.every((token) => options.suppressTokens?.includes(token))) {
    throw new TypeError(`expected suppressTokens without the token of forcedEosTokenId, received ${forced.join(', ')}`)
  }
}

/**
 * How an answer is sampled.
 * @param options those of the request over all defaults
 * @param samples see {@link samplingDecision}; a temperature of 0 is then that of a weaker layer, and does not count
 * @throws TypeError for several greedy answers
 */
export function resolveSampling(options: GenerationOptions, samples: boolean): Sampling {
  const { numReturnSequences = 1, numBeams = 1 } = options
  if (!samples && numBeams === 1 && numReturnSequences > 1) {
    throw new TypeError(
      `expected numReturnSequences to be 1 without sampling or beams, received ${numReturnSequences}: greedy answers would all be the same`,
    )
  }
  if (!samples) return greedy(options)
  const given = { ...options, temperature: options.temperature || undefined }
  const fallback: Sampling = { ...samplingDefaults, seed: randomBytes(4).readUInt32LE() }
  return fromNative(({ name }) => given[name] ?? fallback[name])
}

// What chooses among likely tokens is off; what changes logits is not.
function greedy(options: GenerationOptions): Sampling {
  const fallback: Partial<Sampling> = samplingDefaults
  return fromNative((row) => row.greedy ?? options[row.name] ?? fallback[row.name])
}

function fromNative(value: (row: (typeof nativeSampling)[number]) => unknown): Sampling {
  return Object.fromEntries(nativeSampling.map((row) => [row.name, value(row)])) as Sampling
}
