import { type ChatOptions, chatOptionNames, encodeRules } from './encode.js'
import { lookupRule, type PromptLookup } from './prompt-lookup.js'
import type { Rule } from './rules.js'
import * as check from './rules.js'

/** Options of one answer. What is left out comes from `LoadOptions.defaults`, then generation_config.json, then the default named here. */
export interface GenerationOptions extends Omit<ChatOptions, 'maxTokens'> {
  /** Most tokens of the answer, ≥ 1. Default: until the context is full. */
  maxNewTokens?: number | undefined
  /** ≥ 0; 0 is greedy, above 0 samples. Default 1 when sampling. */
  temperature?: number | undefined
  /** Whether to sample. Default: true when temperature > 0, topP or topK is given or generation_config.json samples; else greedy. */
  doSample?: boolean | undefined
  /** Samples from the most likely tokens that together have this probability. In (0, 1]; default 1, which keeps all. */
  topP?: number | undefined
  /** Samples from this many most likely tokens; 0 keeps all. Default 50, as in transformers. */
  topK?: number | undefined
  /** 0 to 4294967295. The same seed on the same machine with the same options gives the same answer. Default: random. */
  seed?: number | undefined
  /** Ends the answer before any of these texts, which never appear. A word that is one added token (`<|end|>`) also stops as a token. */
  stop?: string | readonly string[] | undefined
  /** Token ids that end the answer, beside the model's own. */
  stopTokenIds?: readonly number[] | undefined
  /** Go on after the model's own end tokens. Default false. */
  ignoreEos?: boolean | undefined
  /** Leave special tokens out of the text. Default true. */
  skipSpecialTokens?: boolean | undefined
  /** What to do when chat messages do not fit: `error`, or drop the oldest whole messages but never a system message. Default `error`. */
  contextOverflow?: 'error' | 'drop-oldest' | undefined
  /**
   * Who waits is served in the order of arrival; each 1 counts as having come 10 seconds earlier, so nobody waits for ever. Any finite
   * number, default 0.
   */
  priority?: number | undefined
  /** Milliseconds from the call, above 0 and at most 2147483647; then the request rejects with `ERR_TIMEOUT`. Default: none. */
  timeout?: number | undefined
  /**
   * Guesses what follows from what followed the last tokens earlier in prompt and answer, and verifies all guesses in one step: quicker
   * where answers quote (editing, summarising), the same answers. `true` is `{ maxNgram: 3, maxTokens: 16 }`. Default false. Ignored,
   * with a warning, where `llm.info.canDraft` is false.
   */
  promptLookup?: boolean | PromptLookup | undefined
  /** Answers to the same prompt, 1 to 64; they need sampling, and answer i has the seed `seed` + i. Default 1. */
  numReturnSequences?: number | undefined
  /** Aborts at any moment; the promises reject with `signal.reason`. */
  signal?: AbortSignal | undefined
  /** Called with each piece of text as it comes, and which answer it belongs to. What it throws ends the request with that error. */
  onText?: ((text: string, index: number) => void) | undefined
  /**
   * Called while an answer pauses because it is computed again with the long LongRoPE factors (see `LoadOptions.ropeRegime`): first with
   * `done` 0, last with `done` = `total`. What it throws ends the request with that error.
   */
  onReprefill?: ((progress: ReprefillProgress) => void) | undefined
}

/** How far an answer has been computed again. */
export interface ReprefillProgress {
  /** Which answer. */
  index: number
  /** Tokens of `total`, prompt and answer so far. */
  done: number
  total: number
}

/** Options that every request may have in common. */
export type RequestDefaults = Omit<GenerationOptions, 'signal' | 'onText' | 'onReprefill'>

const token = check.integer(0)

/** Every option of a request. */
export const generationRules: Record<keyof GenerationOptions, Rule> = {
  ...encodeRules,
  maxNewTokens: check.integer(1),
  temperature: check.number('≥ 0', (value) => value >= 0),
  doSample: check.boolean,
  topP: check.number('above 0 and at most 1', (value) => value > 0 && value <= 1),
  topK: check.integer(0),
  seed: check.integer(0, 2 ** 32 - 1),
  stop: check.either(check.string, check.listOf(check.string, 64)),
  stopTokenIds: check.listOf(token, 1024),
  ignoreEos: check.boolean,
  skipSpecialTokens: check.boolean,
  contextOverflow: check.oneOf('error', 'drop-oldest'),
  priority: check.number('that is finite', () => true),
  timeout: check.number('above 0 and at most 2147483647', (value) => value > 0 && value <= 2 ** 31 - 1),
  promptLookup: lookupRule,
  numReturnSequences: check.integer(1, 64),
  signal: check.signal,
  onText: check.callback,
  onReprefill: check.callback,
}

/** Options over their defaults; what is undefined does not count. */
export function mergeOptions<T extends object>(defaults: T, options: T): T {
  return { ...defaults, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) }
}

/** Defaults for a prompt that is no chat. */
export function withoutChat(options: GenerationOptions): GenerationOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !chatOptionNames.includes(name)))
}
