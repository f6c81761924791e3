import * as check from './rules.js'
import { defaultsOf, optionsOf, type Table } from './table.js'

/** Beam search: the engine follows several beginnings of an answer at once and keeps those that the model finds most likely as a whole. */
export interface BeamOptions {
  /** How many beginnings are followed, 1 to 64; 1 is no beam search. Excludes sampling. Default 1. */
  numBeams?: number | undefined
  /** Into how many groups the beams are divided, which must divide numBeams. Groups differ by diversityPenalty. Default 1. */
  numBeamGroups?: number | undefined
  /**
   * What a token's log-probability loses for each beam of an earlier group that has chosen it in the same step, 0 to 10000. Must be above 0
   * with several groups. Default 0.
   */
  diversityPenalty?: number | undefined
  /** An answer's score is the sum of its log-probabilities over its length to this power, -100 to 100. Above 0 favours longer answers. Default 1. */
  lengthPenalty?: number | undefined
  /**
   * When a search ends, once as many answers as beams have ended. `true`: at once. `false`: when the best running beam, at its present length,
   * scores no better than the worst of those. `never`: when no running beam can become better. Default false.
   */
  earlyStopping?: boolean | 'never' | undefined
}

/** The options of beam search. */
export const beamTable = {
  numBeams: {
    ...check.integer(1, 64),
    default: 1,
    huggingFace: 'num_beams',
    flag: { value: '<n>', help: 'searches for the most likely answer with n beams', rare: true },
  },
  numBeamGroups: {
    ...check.integer(1, 64),
    default: 1,
    huggingFace: 'num_beam_groups',
    flag: { value: '<n>', help: 'divides the beams into groups that differ', rare: true },
  },
  diversityPenalty: {
    ...check.number('from 0 to 10000', (value) => value >= 0 && value <= 1e4),
    default: 0,
    huggingFace: 'diversity_penalty',
    flag: { value: '<x>', help: 'how much groups of beams differ', rare: true },
  },
  lengthPenalty: {
    ...check.number('from -100 to 100', (value) => Math.abs(value) <= 100),
    default: 1,
    huggingFace: 'length_penalty',
    flag: { value: '<x>', help: 'above 0 favours longer answers of beams', rare: true },
  },
  earlyStopping: {
    ...check.either(check.boolean, check.oneOf('never')),
    default: false,
    huggingFace: 'early_stopping',
    flag: { value: '<when>', help: 'true, false or never: when beams end', rare: true },
  },
} as const satisfies Table<BeamOptions>

/** The addon's fields of beam search. `earlyStopping`: 0 is false, 1 is true, 2 is never. */
export interface NativeBeams {
  numBeams: number
  numBeamGroups: number
  diversityPenalty: number
  lengthPenalty: number
  earlyStopping: number
}

type Beams = { [Name in keyof BeamOptions]-?: Exclude<BeamOptions[Name], undefined> }

/** Their defaults. */
export const beamDefaults: Beams = defaultsOf(beamTable)
/** Of a request without any. */
export const noBeams: NativeBeams = { ...beamDefaults, earlyStopping: 0 }

/** Beam search as a request asks for it. */
export function resolveBeams(options: BeamOptions): NativeBeams {
  const { numBeams, numBeamGroups, diversityPenalty, lengthPenalty, earlyStopping } = beamsOf(options)
  if (numBeams === 1) return noBeams
  const early = earlyStopping === 'never' ? 2 : Number(earlyStopping)
  return { numBeams, numBeamGroups, diversityPenalty, lengthPenalty, earlyStopping: early }
}

/** Them over their defaults. */
export const beamsOf = (options: BeamOptions): Beams => ({
  ...beamDefaults,
  ...(optionsOf(options, beamTable) as Partial<Beams>),
})
