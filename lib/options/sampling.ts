import * as check from './rules.js'
import { defaultsOf, type Option } from './table.js'

/** How the next token is chosen. Temperature comes first, then topK, then topP, then minP. */
export interface SamplingOptions {
  /** ≥ 0. At 0 the most likely token is taken (greedy); above 0 tokens are drawn. Default 1 when sampling. */
  temperature?: number | undefined
  /**
   * Whether to sample. By default a temperature above 0 samples, whoever sets it; so do topK, topP and minP of a request or of
   * `LoadOptions.defaults`, unless the temperature is 0. Else answers are greedy. Over a temperature of 0 that a weaker source sets, `true`
   * samples at temperature 1.
   */
  doSample?: boolean | undefined
  /** Samples from this many most likely tokens; 0 keeps all. Default 50, as in transformers. */
  topK?: number | undefined
  /** Samples from the most likely tokens that together have this probability. In (0, 1]; 1 keeps all. Default 1. */
  topP?: number | undefined
  /** Samples from the tokens whose probability is at least this share of the largest one. In [0, 1]; 0 keeps all. Default 0. */
  minP?: number | undefined
  /** 0 to 4294967295. The same seed with the same options on the same machine gives the same answer. By default random. */
  seed?: number | undefined
}

interface SamplingOption<Value> extends Option<Value> {
  /**
   * For an option that the addon gets under the same name: its type at the boundary, and the value of a greedy request, which changes
   * nothing.
   */
  readonly native?: { readonly type: 'int' | 'number'; readonly greedy: Value }
  /** Whether a request that sets it samples, unless temperature or doSample says otherwise. */
  readonly samples?: true
}

type SamplingTable = {
  readonly [Name in keyof Required<SamplingOptions>]: SamplingOption<Exclude<SamplingOptions[Name], undefined>>
}

/** The options of sampling. */
export const samplingTable = {
  temperature: {
    ...check.number('≥ 0', (value) => value >= 0),
    default: 1,
    huggingFace: 'temperature',
    native: { type: 'number', greedy: 0 },
    flag: { value: '<t>', help: 'above 0 samples, 0 is greedy' },
  },
  doSample: {
    ...check.boolean,
    huggingFace: 'do_sample',
    flag: { help: 'samples at temperature 1 unless it is given', rare: true },
  },
  topK: {
    ...check.integer(0),
    default: 50,
    huggingFace: 'top_k',
    native: { type: 'int', greedy: 0 },
    samples: true,
    flag: { value: '<k>', help: 'samples from this many tokens; 0: all' },
  },
  topP: {
    ...check.number('above 0 and at most 1', (value) => value > 0 && value <= 1),
    default: 1,
    huggingFace: 'top_p',
    native: { type: 'number', greedy: 1 },
    samples: true,
    flag: { value: '<p>', help: 'samples from this share of probability' },
  },
  minP: {
    ...check.number('from 0 to 1', (value) => value >= 0 && value <= 1),
    default: 0,
    huggingFace: 'min_p',
    native: { type: 'number', greedy: 0 },
    samples: true,
    flag: { value: '<p>', help: 'samples from this share of the largest probability', rare: true },
  },
  seed: {
    ...check.integer(0, 2 ** 32 - 1),
    pipeline: 'seed',
    native: { type: 'int', greedy: 0 },
    flag: { value: '<n>', help: 'makes sampling repeatable' },
  },
} as const satisfies SamplingTable

type Rows = typeof samplingTable
type NamesWith<Field extends string> = {
  [Name in keyof Rows]: Rows[Name] extends Record<Field, unknown> ? Name : never
}[keyof Rows]

/** How one answer is sampled, with nothing left open: the part of the addon's RequestParams that the table decides. */
export type Sampling = { [Name in NamesWith<'native'>]: number }

/** The options that the addon gets, in the order of the table. */
export const nativeSampling = Object.entries<SamplingOption<number | boolean>>(samplingTable).flatMap(
  ([name, { native }]) => (native ? [{ name: name as keyof Sampling, ...native }] : []),
)

/** The options that make a request sample by being set. */
export const samplingWishes = Object.entries<SamplingOption<number | boolean>>(samplingTable).flatMap(
  ([name, { samples }]) => (samples ? [name as keyof SamplingOptions] : []),
)

export const samplingDefaults = defaultsOf(samplingTable)
