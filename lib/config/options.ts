import type { BosPolicy, ChatOptions } from '../text/types.js'
import type { Rule } from './check.js'
import * as check from './check.js'

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
  /** Aborts at any moment; the promises reject with `signal.reason`. */
  signal?: AbortSignal | undefined
  /** Called with each piece of text as it comes. What it throws ends the request with that error. */
  onText?: ((text: string) => void) | undefined
}

/** Options of loading a model. */
export interface LoadOptions {
  /** OpenVINO device string. Default `CPU`. */
  device?: string | undefined
  /** Positions to use, at most the model's own context. Default: all. */
  contextLength?: number | undefined
  /** OpenVINO properties by name, e.g. `{ INFERENCE_NUM_THREADS: 4, KV_CACHE_PRECISION: 'f16' }`. */
  ovConfig?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Default options of every request. */
  defaults?: Omit<GenerationOptions, 'signal' | 'onText'> | undefined
  /** Aborts the load, which rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
  /** Called as the load goes on; what it throws ends the load with that error. */
  onProgress?: ((progress: LoadProgress) => void) | undefined
  /** Called with each warning, each once. Default: `process.emitWarning`. */
  onWarning?: ((warning: ModelWarning) => void) | undefined
}

/** How far a load is. */
export interface LoadProgress {
  /** `convert` (GGUF only, once), `read`, `compile`, `warmup`. */
  stage: string
  /** Of `total`. */
  done: number
  total: number
}

/** Something that the user should know, but that stops nothing. */
export interface ModelWarning {
  code: string
  message: string
}

const token = check.integer(0)
const bosPolicies: BosPolicy[] = ['auto', 'file', 'ensure', 'never']

const chatRules: Record<keyof Omit<ChatOptions, 'maxTokens' | 'bos' | 'splitSpecialTokens'>, Rule> = {
  addGenerationPrompt: check.boolean,
  continueFinalMessage: check.boolean,
  tools: check.array,
  documents: check.array,
  chatTemplateKwargs: check.object,
  chatTemplate: check.string,
  systemFallback: check.oneOf('warn', 'merge-user'),
}

/** Options that only chat messages can have. */
export const chatOptionNames: readonly string[] = [...Object.keys(chatRules), 'contextOverflow']

/** Rules of encoding, which `tokenize` takes too. */
export const encodeRules: Record<keyof Omit<ChatOptions, 'maxTokens'>, Rule> = {
  ...chatRules,
  bos: check.oneOf(...bosPolicies),
  splitSpecialTokens: check.boolean,
}

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
  signal: check.signal,
  onText: check.callback,
}

/** Every option of a load. */
export const loadRules: Record<keyof LoadOptions, Rule> = {
  device: check.string,
  contextLength: check.integer(2),
  ovConfig: check.object,
  defaults: check.object,
  signal: check.signal,
  onProgress: check.callback,
  onWarning: check.callback,
}

/** Options over their defaults; what is undefined does not count. */
export function mergeOptions<T extends object>(defaults: T, options: T): T {
  return { ...defaults, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) }
}

/** Defaults for a prompt that is no chat. */
export function withoutChat(options: GenerationOptions): GenerationOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !chatOptionNames.includes(name)))
}
