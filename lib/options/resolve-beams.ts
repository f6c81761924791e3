import { beamDefaults, beamsOf } from './beams.js'
import type { GenerationOptions } from './generation.js'
import { samplingDecision } from './resolve-sampling.js'

/** @throws TypeError when options that were set together contradict each other. */
export function checkBeams(options: GenerationOptions): void {
  const { numBeams = 1, promptLookup = false } = options
  if (numBeams === 1) return
  if (samplingDecision([{ source: 'request', options }]).samples) {
    throw new TypeError(
      `expected no sampling with numBeams: ${numBeams}; beam search takes no draws, so leave out one of them`,
    )
  }
  if (promptLookup !== false) {
    throw new TypeError(
      `expected no promptLookup with numBeams: ${numBeams}; beams are not guessed, so leave out one of them`,
    )
  }
}

interface Layer {
  source: string
  options: GenerationOptions
}

/**
 * Whether beams search for the answers: the strongest layer that sets numBeams decides, unless the same one or a stronger one samples.
 * @param layers the strongest first
 * @param sampling what {@link samplingDecision} says of them
 */
export function searchesWithBeams(layers: readonly Layer[], sampling: { samples: boolean; source?: string }): boolean {
  for (const { source, options } of layers) {
    if (sampling.samples && sampling.source === source) return false
    if (options.numBeams !== undefined) return options.numBeams > 1
  }
  return false
}

/**
 * The options of a request whose numBeams says whether there is a beam search.
 * @param options what the request sets
 * @param merged the same over all defaults
 * @throws TypeError when they contradict each other
 */
export function withBeams(options: GenerationOptions, merged: GenerationOptions, searches: boolean): GenerationOptions {
  if (!searches) {
    for (const name of ['numBeamGroups', 'diversityPenalty', 'lengthPenalty', 'earlyStopping'] as const) {
      if (options[name] === undefined || options[name] === beamDefaults[name]) continue
      throw new TypeError(`expected numBeams above 1 with ${name}: ${options[name]}, received ${merged.numBeams ?? 1}`)
    }
    return { ...merged, numBeams: 1 }
  }
  const { numBeams, numBeamGroups, diversityPenalty } = beamsOf(merged)
  const { numReturnSequences = 1, logprobs = false, logprobsOf } = merged
  if (numReturnSequences > numBeams) {
    throw new TypeError(
      `expected numReturnSequences to be at most numBeams (${numBeams}), received ${numReturnSequences}`,
    )
  }
  if (numBeams % numBeamGroups !== 0) {
    throw new TypeError(`expected numBeams to be a multiple of numBeamGroups (${numBeamGroups}), received ${numBeams}`)
  }
  if (numBeamGroups === 1 && diversityPenalty !== 0) {
    throw new TypeError(`expected numBeamGroups above 1 with diversityPenalty: ${diversityPenalty}, received 1`)
  }
  if (numBeamGroups !== 1 && diversityPenalty === 0) {
    throw new TypeError(
      `expected diversityPenalty above 0 with numBeamGroups: ${numBeamGroups}, received 0: all groups would be the same`,
    )
  }
  if (logprobs !== false && logprobsOf === 'processed') {
    throw new TypeError(`expected logprobsOf to be 'raw' with numBeams: ${numBeams}, received 'processed'`)
  }
  return { ...merged, promptLookup: false }
}
