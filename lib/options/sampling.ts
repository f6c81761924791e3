import type { BeamOptions } from './beams.js'
import * as check from './rules.js'
import { defaultsOf, type Option } from './table.js'
import { type LogitBias, logitBias, texts, words } from './token-lists.js'

/**
 * How the next token is chosen. Each option is a step between the model's logits and the token; the guide to generation options lists them
 * in their order. Those before temperature act in greedy requests, too.
 */
export interface SamplingOptions {
  /**
   * What is added to logits, -10000 to 10000: by token id (`{ 1234: -5 }`), or as pairs `[token, bias]` of a token id, a text or token ids.
   * The bias of several tokens is that of the last one behind the others. By default none.
   */
  logitBias?: LogitBias | undefined
  /** Divides the logits of tokens in prompt and answer that are above 0 and multiplies the others. 0.0001 to 10000; 1 changes nothing. Default 1. */
  repetitionPenalty?: number | undefined
  /** Is subtracted from the logits of tokens in the answer. -10000 to 10000 (OpenAI: -2 to 2). Default 0. */
  presencePenalty?: number | undefined
  /** The same times how often the answer has the token. Default 0. */
  frequencyPenalty?: number | undefined
  /**
   * DRY: a token that would prolong a repetition of n tokens loses dryMultiplier * dryBase ^ (n - dryAllowedLength). 0 to 10000; 0 is off.
   * Default 0.
   */
  dryMultiplier?: number | undefined
  /** 1 to 10000. Default 1.75. */
  dryBase?: number | undefined
  /** The shortest repetition that DRY penalises, ≥ 1. Default 2. */
  dryAllowedLength?: number | undefined
  /** How many of the last tokens DRY looks at; -1 is all, 0 is off. Default -1. */
  dryPenaltyLastN?: number | undefined
  /** Texts that no repetition goes across; their last tokens count. By default line ends, colons, quotation marks and asterisks. */
  drySequenceBreakers?: readonly string[] | undefined
  /** No sequence of so many tokens comes twice in prompt and answer; 0 is off. Default 0. */
  noRepeatNgramSize?: number | undefined
  /** Words that never come: texts, or arrays of token ids. By default none. */
  badWordsIds?: readonly (string | readonly number[])[] | undefined
  /** Tokens before which the answer does not end with an end token. Default 0. */
  minNewTokens?: number | undefined
  /** The same counted from the first token of the prompt. The larger one of both holds. Default 0. */
  minLength?: number | undefined
  /** The token, or one of those, that an answer of maxNewTokens tokens ends with. By default any. */
  forcedEosTokenId?: number | readonly number[] | undefined
  /**
   * From which token of the answer on its end becomes more likely, ≥ 0, and how fast, 0.0001 to 10000: the absolute logits of the end tokens
   * times (factor ^ n - 1) are added to them, n tokens later. By default nothing is added.
   */
  exponentialDecayLengthPenalty?: readonly [start: number, factor: number] | undefined
  /** Token ids that never come. By default none. */
  suppressTokens?: readonly number[] | undefined
  /** Token ids that the answer does not begin with. By default none. */
  beginSuppressTokens?: readonly number[] | undefined
  /** ≥ 0. At 0 the most likely token is taken (greedy); above 0 tokens are drawn. Default 1 when sampling. */
  temperature?: number | undefined
  /**
   * Whether to sample. By default a temperature above 0 samples, whoever sets it; so do topK, topP, minP, typicalP, epsilonCutoff,
   * etaCutoff and xtcProbability of a request or of `LoadOptions.defaults`, unless the temperature is 0. Else answers are greedy. Over a
   * temperature of 0 that a weaker source sets, `true` samples at temperature 1.
   */
  doSample?: boolean | undefined
  /** Samples from this many most likely tokens; 0 keeps all. Default 50, as in transformers. */
  topK?: number | undefined
  /** Samples from the most likely tokens that together have this probability. In (0, 1]; 1 keeps all. Default 1. */
  topP?: number | undefined
  /** Samples from the tokens whose probability is at least this share of the largest one. In [0, 1]; 0 keeps all. Default 0. */
  minP?: number | undefined
  /** Samples from the tokens of the most typical information that together have this probability. In (0, 1]; 1 keeps all. Default 1. */
  typicalP?: number | undefined
  /** Samples from the tokens with at least this probability. In [0, 1); 0 keeps all. Default 0. */
  epsilonCutoff?: number | undefined
  /** The same with a bound that falls with the entropy: min(eta, sqrt(eta) * e^-entropy). In [0, 1); 0 keeps all. Default 0. */
  etaCutoff?: number | undefined
  /** How often XTC leaves of the tokens above xtcThreshold the least likely alone. In [0, 1]. Default 0. */
  xtcProbability?: number | undefined
  /** The probability from which on XTC takes tokens out, in [0, 1]; above 0.5 it never does. Default 0.1. */
  xtcThreshold?: number | undefined
  /** Tokens that topK, topP, minP, typicalP, epsilonCutoff and etaCutoff each keep at least, ≥ 1. Default 1. */
  minTokensToKeep?: number | undefined
  /** 0 to 4294967295. The same seed with the same options on the same machine gives the same answer. By default random. */
  seed?: number | undefined
}

interface SamplingOption<Value> extends Option<Value> {
  /**
   * For an option that the addon gets under the same name: its type at the boundary, and for one of drawing the value of a greedy request,
   * which changes nothing. lib/generation/token-options.ts makes what the addon gets of options about tokens.
   */
  readonly native?: { readonly type: 'int' | 'number'; readonly greedy?: Value }
  /** Whether a request that sets it samples, unless temperature or doSample says otherwise. */
  readonly samples?: true
}

type SamplingTable = {
  readonly [Name in keyof Required<SamplingOptions>]: SamplingOption<Exclude<SamplingOptions[Name], undefined>>
}

/** The options of sampling. */
export const samplingTable = {
  logitBias: {
    ...logitBias,
    huggingFace: 'sequence_bias',
    flag: { value: '<json>', help: `added to logits, e.g. '{"1234": -5}'`, several: 'json', rare: true },
  },
  repetitionPenalty: {
    ...check.number('from 0.0001 to 10000', (value) => value >= 1e-4 && value <= 1e4),
    default: 1,
    huggingFace: 'repetition_penalty',
    native: { type: 'number' },
    flag: { value: '<x>', help: 'above 1 makes repetitions less likely', rare: true },
  },
  presencePenalty: {
    ...check.number('from -10000 to 10000', (value) => Math.abs(value) <= 1e4),
    default: 0,
    pipeline: 'presence_penalty',
    native: { type: 'number' },
    flag: { value: '<x>', help: 'lowers the logits of tokens in the answer', rare: true },
  },
  frequencyPenalty: {
    ...check.number('from -10000 to 10000', (value) => Math.abs(value) <= 1e4),
    default: 0,
    pipeline: 'frequency_penalty',
    native: { type: 'number' },
    flag: { value: '<x>', help: 'the same, for each time', rare: true },
  },
  dryMultiplier: {
    ...check.number('from 0 to 10000', (value) => value >= 0 && value <= 1e4),
    default: 0,
    pipeline: 'dry_multiplier',
    native: { type: 'number' },
    flag: { value: '<x>', help: 'DRY: strength, e.g. 0.8; 0: off', rare: true },
  },
  dryBase: {
    ...check.number('from 1 to 10000', (value) => value >= 1 && value <= 1e4),
    default: 1.75,
    pipeline: 'dry_base',
    native: { type: 'number' },
    flag: { value: '<x>', help: 'DRY: growth with each repeated token', rare: true },
  },
  dryAllowedLength: {
    ...check.integer(1),
    default: 2,
    pipeline: 'dry_allowed_length',
    native: { type: 'int' },
    flag: { value: '<n>', help: 'DRY: shortest repetition that costs', rare: true },
  },
  dryPenaltyLastN: {
    ...check.integer(-1),
    default: -1,
    pipeline: 'dry_penalty_last_n',
    native: { type: 'int' },
    flag: { value: '<n>', help: 'DRY: last tokens that it looks at; -1: all', rare: true },
  },
  drySequenceBreakers: {
    ...texts,
    pipeline: 'dry_sequence_breakers',
    flag: { value: '<text>', help: 'DRY: no repetition goes across it; repeatable', several: 'repeated', rare: true },
  },
  noRepeatNgramSize: {
    ...check.integer(0),
    default: 0,
    huggingFace: 'no_repeat_ngram_size',
    native: { type: 'int' },
    flag: { value: '<n>', help: 'no sequence of so many tokens comes twice', rare: true },
  },
  badWordsIds: {
    ...words,
    huggingFace: 'bad_words_ids',
    flag: { value: '<text>', help: 'never says this; repeatable', several: 'repeated', rare: true },
  },
  minNewTokens: {
    ...check.integer(0),
    default: 0,
    huggingFace: 'min_new_tokens',
    native: { type: 'int' },
    flag: { value: '<n>', help: 'tokens before which the answer does not end', rare: true },
  },
  minLength: {
    ...check.integer(0),
    default: 0,
    huggingFace: 'min_length',
    flag: { value: '<n>', help: 'the same, with the tokens of the prompt', rare: true },
  },
  forcedEosTokenId: {
    ...check.either(check.integer(0), check.listOf(check.integer(0), 1024)),
    huggingFace: 'forced_eos_token_id',
    flag: { value: '<id>', help: 'last token of an answer of full length', rare: true },
  },
  exponentialDecayLengthPenalty: {
    ...check.pair(
      check.integer(0),
      check.number('from 0.0001 to 10000', (value) => value >= 1e-4 && value <= 1e4),
    ),
    huggingFace: 'exponential_decay_length_penalty',
    flag: {
      value: '<json>',
      help: 'from which token on the end becomes likelier, and how fast, e.g. [50, 1.05]',
      several: 'json',
      rare: true,
    },
  },
  suppressTokens: {
    ...check.listOf(check.integer(0), 65_536),
    huggingFace: 'suppress_tokens',
    flag: { value: '<ids>', help: 'tokens that never come, e.g. 2,32000', several: 'commas', rare: true },
  },
  beginSuppressTokens: {
    ...check.listOf(check.integer(0), 65_536),
    huggingFace: 'begin_suppress_tokens',
    flag: { value: '<ids>', help: 'tokens that the answer does not begin with', several: 'commas', rare: true },
  },
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
  typicalP: {
    ...check.number('above 0 and at most 1', (value) => value > 0 && value <= 1),
    default: 1,
    huggingFace: 'typical_p',
    native: { type: 'number', greedy: 1 },
    samples: true,
    flag: { value: '<p>', help: 'samples from the most typical tokens', rare: true },
  },
  epsilonCutoff: {
    ...check.number('from 0 to below 1', (value) => value >= 0 && value < 1),
    default: 0,
    huggingFace: 'epsilon_cutoff',
    native: { type: 'number', greedy: 0 },
    samples: true,
    flag: { value: '<p>', help: 'samples from tokens of at least this probability', rare: true },
  },
  etaCutoff: {
    ...check.number('from 0 to below 1', (value) => value >= 0 && value < 1),
    default: 0,
    huggingFace: 'eta_cutoff',
    native: { type: 'number', greedy: 0 },
    samples: true,
    flag: { value: '<p>', help: 'the same, less where many tokens are likely', rare: true },
  },
  xtcProbability: {
    ...check.number('from 0 to 1', (value) => value >= 0 && value <= 1),
    default: 0,
    pipeline: 'xtc_probability',
    native: { type: 'number', greedy: 0 },
    samples: true,
    flag: { value: '<p>', help: 'XTC: how often it acts, e.g. 0.5; 0: never', rare: true },
  },
  xtcThreshold: {
    ...check.number('from 0 to 1', (value) => value >= 0 && value <= 1),
    default: 0.1,
    pipeline: 'xtc_threshold',
    native: { type: 'number', greedy: 0.1 },
    flag: { value: '<p>', help: 'XTC: probability of the tokens that it takes out', rare: true },
  },
  minTokensToKeep: {
    ...check.integer(1),
    default: 1,
    pipeline: 'min_tokens_to_keep',
    native: { type: 'int', greedy: 1 },
    flag: { value: '<n>', help: 'tokens that no option of sampling takes out', rare: true },
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

interface NativeOption {
  readonly type: 'int' | 'number'
  readonly greedy?: number
}

/** The options that the addon gets, in the order of the table. */
export const nativeSampling = Object.entries<SamplingOption<unknown>>(samplingTable).flatMap(([name, { native }]) =>
  native ? [{ name: name as keyof Sampling, ...(native as NativeOption) }] : [],
)

/**
 * The steps between a row of logits and a token, in their order, by the options that ask for them: transformers' order where it has one. The
 * addon has the same list. Ids that have no token are banned before temperature.
 */
export const samplingSteps = [
  'logitBias',
  'diversityPenalty',
  'repetitionPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'dryMultiplier',
  'noRepeatNgramSize',
  'badWordsIds',
  'minNewTokens',
  'forcedEosTokenId',
  'exponentialDecayLengthPenalty',
  'suppressTokens',
  'beginSuppressTokens',
  'temperature',
  'topK',
  'topP',
  'minP',
  'typicalP',
  'epsilonCutoff',
  'etaCutoff',
  'xtcProbability',
] as const satisfies readonly (keyof SamplingOptions | keyof BeamOptions)[]

/** The options that make a request sample by being set. */
export const samplingWishes = Object.entries<SamplingOption<unknown>>(samplingTable).flatMap(([name, { samples }]) =>
  samples ? [name as keyof SamplingOptions] : [],
)

export const samplingDefaults = defaultsOf(samplingTable)
