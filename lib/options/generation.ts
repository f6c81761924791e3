import { type BeamOptions, beamTable } from './beams.js'
import { type ChatOptions, encodeTable } from './encode.js'
import type { TextFilter } from './filter.js'
import { type LogprobsOptions, logprobsTable } from './logprobs.js'
import { lookupRule, type PromptLookup } from './prompt-lookup.js'
import { type ReasoningOptions, reasoningTable } from './reasoning.js'
import { type ResponseFormatOptions, responseFormatTable } from './response-format.js'
import * as check from './rules.js'
import { type SamplingOptions, samplingTable } from './sampling.js'
import { defaultsOf, type Rows, type Table } from './table.js'
import { checkTools, type ToolCallOptions, toolCallTable } from './tools.js'

/**
 * Options of one answer. An option that is not set comes from `LoadOptions.defaults`, else from generation_config.json, else from the model
 * card (`inference.parameters` in README.md), else it has the default named here. `llm.info.generationDefaults` shows which.
 */
export interface GenerationOptions
  extends Omit<ChatOptions, 'maxTokens'>,
    SamplingOptions,
    BeamOptions,
    LogprobsOptions,
    ReasoningOptions,
    ResponseFormatOptions,
    ToolCallOptions {
  /** Most tokens of the answer, ≥ 1. By default the answer may fill the context. */
  maxNewTokens?: number | undefined
  /** The answer ends before any of these texts, which never appear. A text that is one added token (`<|end|>`) also stops as a token. */
  stop?: string | readonly string[] | undefined
  /** Token ids that end the answer, beside the model's own. */
  stopTokenIds?: readonly number[] | undefined
  /** Whether the answer goes on after the model's own end tokens. Default false. */
  ignoreEos?: boolean | undefined
  /** Whether special tokens are left out of the text. Default true. */
  skipSpecialTokens?: boolean | undefined
  /**
   * What to do when chat messages do not fit into the context: `error`, or `drop-oldest`, which drops the oldest whole messages but
   * never a system message. Default `error`.
   */
  contextOverflow?: 'error' | 'drop-oldest' | undefined
  /**
   * Waiting requests are served in the order in which they came. Each 1 counts as having come 10 seconds earlier, so no request waits
   * for ever. Any finite number. Default 0.
   */
  priority?: number | undefined
  /** Milliseconds from the call until the request rejects with `ERR_TIMEOUT`, above 0 and at most 2147483647. By default never. */
  timeout?: number | undefined
  /**
   * Guesses the next tokens from what followed the last tokens earlier in the prompt and the answer, and verifies all guesses in one step.
   * The answers stay the same; those that quote (editing, summarising) come quicker. `true` is `{ maxNgram: 3, maxTokens: 16 }`.
   * Default false. Where `llm.info.canDraft` is false it is ignored, with a warning.
   */
  promptLookup?: boolean | PromptLookup | undefined
  /**
   * Answers to the same prompt, 1 to 64. More than one needs sampling, where answer i has the seed `seed` + i, or as many beams, whose best
   * answer comes first. Default 1.
   */
  numReturnSequences?: number | undefined
  /** Aborts the request at any moment; the promises reject with `signal.reason`. */
  signal?: AbortSignal | undefined
  /**
   * Names the request in parts, results, errors and diagnostics: 1 to 256 characters that can be printed. By default one is made (a UUID).
   * It need not be unique.
   */
  requestId?: string | undefined
  /**
   * Sees the text of each answer before anybody else does, and may replace it, hold some of it back, or end the answer. It may be
   * asynchronous: it then gets what has come meanwhile at once, and other requests do not wait for it. What it throws rejects the request
   * with `ERR_FILTER`. Nothing but `timeout` and `signal` ends a request whose filter does not answer.
   */
  filter?: TextFilter | undefined
  /** Called with each token of the answers and the index of its answer, when its part is handed out. An error that it throws ends the request. */
  onToken?: ((token: number, index: number) => void) | undefined
  /** Called with each piece of text as it comes and the index of its answer. An error that it throws ends the request. */
  onText?: ((text: string, index: number) => void) | undefined
  /**
   * Called while an answer pauses because it is computed again with the long LongRoPE factors (see `LoadOptions.ropeRegime`): first with
   * `done` 0, last with `done` = `total`. An error that it throws ends the request.
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
export type RequestDefaults = Omit<GenerationOptions, 'requestId' | 'signal' | 'onToken' | 'onText' | 'onReprefill'>

/** The options of a request, in the order in which the help shows their flags. */
export const generationTable = {
  maxNewTokens: {
    ...check.integer(1),
    huggingFace: 'max_new_tokens',
    flag: { value: '<n>', help: 'most tokens of the answer (default: context)' },
  },
  ...samplingTable,
  ...beamTable,
  stop: {
    ...check.either(check.string, check.listOf(check.string, 64)),
    huggingFace: 'stop_strings',
    flag: { value: '<text>', help: 'ends the answer before this; repeatable', several: 'repeated' },
  },
  stopTokenIds: {
    ...check.listOf(check.integer(0), 1024),
    huggingFace: 'eos_token_id',
    flag: { value: '<ids>', help: 'further end tokens, e.g. 2,32000', several: 'commas', rare: true },
  },
  ignoreEos: { ...check.boolean, default: false, flag: { help: "goes on after the model's end tokens" } },
  skipSpecialTokens: {
    ...check.boolean,
    default: true,
    pipeline: 'skip_special_tokens',
    flag: { help: 'shows special tokens in the answer', rare: true },
  },
  contextOverflow: {
    ...check.oneOf('error', 'drop-oldest'),
    default: 'error',
    chatOnly: true,
    flag: { value: '<how>', help: 'error or drop-oldest' },
  },
  priority: { ...check.number('that is finite', () => true), default: 0 },
  timeout: {
    ...check.number('above 0 and at most 2147483647', (value) => value > 0 && value <= 2 ** 31 - 1),
    flag: { value: '<ms>', help: 'ends the answer with an error after so long', rare: true },
  },
  promptLookup: {
    ...lookupRule,
    default: false,
    flag: { help: 'guesses from earlier text; quicker where answers quote', rare: true },
  },
  numReturnSequences: {
    ...check.integer(1, 64),
    default: 1,
    flag: { value: '<n>', help: 'answers to the prompt', rare: true, json: true },
  },
  ...logprobsTable,
  ...responseFormatTable,
  ...reasoningTable,
  ...toolCallTable,
  ...encodeTable,
  signal: { ...check.signal, pipeline: 'signal' },
  requestId: {
    expected: 'a string of 1 to 256 printable characters',
    accepts: (value: unknown) => typeof value === 'string' && /^\P{C}{1,256}$/u.test(value),
    flag: { value: '<id>', help: 'names the request', rare: true, json: true },
  },
  filter: check.callback,
  onToken: check.callback,
  onText: check.callback,
  onReprefill: check.callback,
} as const satisfies Table<GenerationOptions>

const { requestId: _, signal: __, onToken: ___, onText: ____, onReprefill: _____, ...common } = generationTable

/** The options that every request may have in common. */
export const defaultsTable = common satisfies Table<RequestDefaults>

export const generationDefaults = defaultsOf(generationTable)

/** Options that only chat messages can have. */
export const chatOptionNames: readonly string[] = Object.entries<Rows[string]>(generationTable).flatMap(
  ([name, { chatOnly }]) => (chatOnly ? [name] : []),
)

/** The tools of a request in the form that chat templates expect; undefined when the model is not to see any. */
export function toolsOf({ tools, toolChoice }: GenerationOptions): ReturnType<typeof checkTools> | undefined {
  const checked = tools && checkTools(tools)
  return checked === undefined || checked.length === 0 || toolChoice === 'none' ? undefined : checked
}

/** Defaults for a prompt that is no chat. */
export function withoutChat(options: GenerationOptions): GenerationOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !chatOptionNames.includes(name)))
}
