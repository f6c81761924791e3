import type { ErrorCode } from '../errors.js'
import type { NativeBeams } from '../options/beams.js'
import type { Sampling } from '../options/sampling.js'

/**
 * THE BOUNDARY between TypeScript and C++: everything that crosses it is declared here, and nothing else crosses.
 *
 * Commands go down as calls, everything comes up as events. JavaScript decides and sets defaults; the addon checks and has none.
 * `fields.ts` lists every field that crosses, in both directions. The addon describes its own fields (`buildInfo().boundary`), and loading
 * it compares the two: a field that only one side knows is an error then. A new field is a line here, one in `fields.ts` and one in
 * `native/node/fields.h`.
 */

/** What takes time: of a load `read` to `warmup`, of jobs also the others. */
export const stages = ['read', 'measure', 'pack', 'compile', 'warmup', 'convert', 'compare'] as const
export type Stage = (typeof stages)[number]

/** Why an answer ended: a stop token, the limit of tokens, `cancel`, or the end of its grammar. */
export const finishReasons = ['stop', 'length', 'cancelled', 'grammar'] as const
export type NativeFinishReason = (typeof finishReasons)[number]

/** What the addon must know of a device beyond its name; `deviceFeatures` decides it. The addon compares no device names. */
export interface DeviceFeatures {
  /** OpenVINO device string, which models are compiled for. */
  name: string
  /** Whether OpenVINO must list the device. Virtual devices are always there, and so is one that others stand in for. */
  mustBePresent: boolean
  /** Devices whose properties may be set: the device itself and those it hands properties on to. */
  propertySources: string[]
  /** Properties whose names begin so are passed on unchecked, because no device lists them. '': all are checked. */
  uncheckedPrefix: string
  /** Whether DEVICE_PROPERTIES may be set. */
  nestedProperties: boolean
  /** Whether the built-in kernels may replace matrix products: the graph is computed by this processor. */
  builtinKernels: boolean
  /** Where a paged KV cache lies: in memory of this process (and this processor computes), in the device's, or nowhere: it cannot page. */
  kvMemory: 'host' | 'device' | 'none'
  /** Tokens of a block of that cache, which the plugin fixes; ≥ 1, or 0 without a paged cache. */
  kvBlockTokens: number
  /** Whether the tokens of a block of keys are its last axis. */
  kvTransposedKeys: boolean
}

/** What `new Engine` takes. Every field is required. */
export interface EngineConfig {
  /**
   * Which runner computes: `paged` (a KV cache of blocks), `stateful` (OpenVINO's own states), `auto` (paged where device and graph allow it, else
   * stateful; ReadyInfo says which and why), or `scripted` from `script` (tests of everything around it).
   */
  runner: 'auto' | 'paged' | 'stateful' | 'scripted'
  /** Absolute path of openvino_model.xml; '' for the scripted runner. */
  modelPath: string
  device: DeviceFeatures
  /** OpenVINO properties as `KEY=VALUE` lines, passed to `compile_model`. */
  properties: string[]
  /**
   * `KEY=VALUE` lines. When logits are NaN or infinite the model is compiled again with the first of these, then the next instead, until
   * they are finite; all requests are computed anew. What the device lacks, has in effect, or the model's file sets, is left out.
   */
  precisionFallback: string[]
  /** Whether the wanted rows of logits may be gathered inside the graph (not on NPU: its plugin refuses another Parameter). */
  gatherRows: boolean
  /**
   * For a graph that chooses between short and long LongRoPE factors: `auto` chooses by the length of each sequence (only with
   * `gatherRows`; else the graph is left as it is), `short` and `long` compute everything with one set.
   */
  ropeRegime: 'auto' | 'short' | 'long'
  /** Tokens of the longest sequence that the model may have, ≥ 1: up to there the mask of a paged model is proven. */
  contextLength: number
  /** Tokens of one prefill step; a longer prompt is computed in several steps. ≥ 1. */
  prefillChunk: number
  /** The same for the stateful runner, whose steps are slow once there is a cache, whatever they compute. ≥ 1. */
  statefulChunk: number
  /** Most sequences that are computed at once, ≥ 1. */
  maxSequences: number
  /** Tokens that the paged runner's KV cache shall hold for all sequences together, ≥ 1; reserved, not touched. */
  kvTokens: number
  /** Most bytes of that cache; it holds fewer tokens when they do not fit. > 0, may be infinite. */
  kvBytes: number
  /** Where a device compiles for fixed lengths: tokens of the longest prompt, and of the longest answer to that. 0: any lengths. */
  maxPrompt: number
  minResponse: number
  /** openvino_model.xml of a draft model for speculative decoding, or ''. */
  draftModelPath: string
  /** Most tokens that the draft model guesses for a step; 0 without one. */
  draftTokens: number
  /**
   * What multiplies with compressed weights on CPU: `openvino`; `builtin`, this package's kernels, or one instruction set's by its name; or
   * `auto`: what `kernelChoices` says, and what is measured for a scheme that is not in it; the built-in ones for models that are
   * quick with either.
   */
  cpuKernel: string
  /** What computes attention over a paged KV cache on CPU: `openvino`, `builtin`, or `auto`: the built-in one unless `cpuKernel` is `openvino`. */
  cpuAttention: string
  /** Inputs of one scale when built-in kernels quantize activations: 0 leaves them f32, otherwise 32, 64, or -1 for a whole group of the weights. */
  activationSpan: number
  /** What was measured on this machine before, as lines `SIZE SCHEME=builtin` or `SIZE SCHEME=openvino`. */
  kernelChoices: string[]
  /** File that packed weights of the model (not of a draft model) are taken from and kept in, or ''. Its folder must exist. */
  packedPath: string
  /**
   * File that the compiled graph (not a draft model's) is taken from and, after the first answer, kept in, or ''. Its name must be another one
   * for each model and version; the addon compares the rest. Its folder must exist.
   */
  graphPath: string
  /** Numbers of tokens that the warm-up computes once each, in this order. */
  warmup: Int32Array
  /** Scripted runner: the tokens that follow a prompt, repeated when they run out. */
  script: Int32Array
  /**
   * Scripted runner: [vocabulary size, microseconds a step, first step that throws (0 = none), number of steps that throw, blocks of its
   * KV cache (of 4 tokens), longest sequence of the short position factors (0 = there is one set), 1 where the other
   * tokens have logits of their own, else all have the same].
   */
  scriptNumbers: Int32Array
}

/** What an answer must conform to: from its first token on, or where {@link Marks} have triggers, from where one of them begins. */
export interface Grammar {
  /**
   * How `source` is written: JSON Schema as JSON text, a regular expression of Rust's crate regex, llguidance's variant of Lark, or its list of
   * grammars that refer to each other, as JSON.
   */
  kind: 'json_schema' | 'regex' | 'lark' | 'llguidance'
  source: string
}

/** An answer without a grammar. */
export const noGrammar = { kind: '', source: '' } as const

/** What is looked for in the text of an answer while it is free. A text is a list of symbols: a byte is itself, a special token 256 + its id. */
export interface Marks {
  /**
   * Texts outside the reasoning that begin what the grammar describes, each behind its length: until one comes the answer is free. The grammar
   * takes any text before the trigger, and the trigger.
   */
  triggers: Int32Array
  /** The same, at the beginning of the answer or behind what a trigger began; white space outside quotes does not count. */
  openers: Int32Array
  /** Whether the answer is free again where the grammar may end. */
  freeAgain: boolean
  /** What begins and what ends the reasoning; empty when there is none. */
  reasoningBegin: Int32Array
  reasoningEnd: Int32Array
  /** Whether the prompt has begun it. */
  reasoningOpen: boolean
  /** Whether it may come again. */
  reasoningAgain: boolean
  /** Most tokens of it, ≥ 0; -1: as many as the model likes. */
  reasoningBudget: number
  /** Tokens that end it when these are used up. */
  reasoningClosing: Int32Array
}

/** Nothing is looked for. */
export const noMarks: Marks = {
  triggers: new Int32Array(0),
  openers: new Int32Array(0),
  freeAgain: false,
  reasoningBegin: new Int32Array(0),
  reasoningEnd: new Int32Array(0),
  reasoningOpen: false,
  reasoningAgain: false,
  reasoningBudget: -1,
  reasoningClosing: new Int32Array(0),
}

/** The tokens of a model, as grammars need them. */
export interface Vocabulary {
  /** The bytes of all tokens, one after another. */
  bytes: Uint8Array
  /** One more than there are tokens: token `i` has the bytes from `offsets[i]` up to `offsets[i + 1]`. */
  offsets: Uint32Array
  /** 1 for tokens that are no text: a grammar allows one only where it names it. */
  special: Uint8Array
  /** Tokens that end an answer; they are allowed where the grammar may end. */
  endTokens: Int32Array
}

/** What `submit` takes beside the id and the prompt. Every field is required; the table of sampling options has those of sampling. */
export interface RequestParams extends Sampling, NativeBeams {
  /** With the prompt never more than the context and the KV cache. 0 only computes the prompt, for a later one with the same beginning. */
  maxNewTokens: number
  /** Generation ends after one of these (it is part of the answer). */
  stopTokenIds: Int32Array
  /**
   * What options say of tokens. Of `logitBias` and `badWordsIds` each sequence of tokens comes behind its length; `logitBiasValues` has a
   * bias for each.
   */
  logitBias: Int32Array
  logitBiasValues: number[]
  badWordsIds: Int32Array
  drySequenceBreakers: Int32Array
  forcedEosTokenId: Int32Array
  /** The token of the answer that it begins with, and its factor; or nothing. */
  exponentialDecayLengthPenalty: number[]
  suppressTokens: Int32Array
  beginSuppressTokens: Int32Array
  /** XTC does not act where it would take out one of these. */
  xtcProtectedTokens: Int32Array
  /** Ids without a token, which never come: those from `tokenLimit` on (0 = there are none), and these. */
  tokenLimit: number
  absentTokens: Int32Array
  /** Higher goes first: each 1 counts as having come 10 seconds earlier, so nobody waits for ever. */
  priority: number
  /** Prompt lookup: longest n-gram that is looked for, 0 = none; and most tokens that are guessed for a step. Only where ReadyInfo.canDraft. */
  lookupNgram: number
  lookupTokens: number
  /** Log-probabilities of the answer's tokens, and of so many likeliest ones at each place, at most 20; -1: none. */
  logprobs: number
  /** Whether they are of what the tokens are drawn from, and not of the model's own distribution. */
  processedLogprobs: boolean
  /** The same for the prompt, from the token `promptLogprobsFrom` ≥ 1 on. The cache then gives no more than what comes before that. */
  promptLogprobs: number
  promptLogprobsFrom: number
  grammar: Grammar | typeof noGrammar
  marks: Marks
}

/** Times in milliseconds, measured on the engine's thread. */
export interface NativeTimings {
  /** From submit until the first step of this request began. */
  queued: number
  /** From there until the first token was sampled. */
  prefill: number
  /** From the first token until the last. */
  decode: number
  /** Of `decode`: computing the sequence again after it had grown beyond the border of its position factors; 0 when it did not. */
  reprefill: number
  /** Prompt tokens that were already in the KV cache. */
  cachedTokens: number
  /** Tokens that were guessed and computed, and how many of those were right. */
  draftTokens: number
  acceptedTokens: number
}

/** Counts of an engine: how it is now, and sums since it was ready. */
export interface NativeMetrics {
  /** Sequences in the batch, and waiting for a place in it. */
  running: number
  waiting: number
  /** Blocks of the KV cache: all, held by sequences, kept for later prompts; and cached ones that had to make room. All 0 when stateful. */
  blocks: number
  blocksUsed: number
  blocksCached: number
  evictions: number
  steps: number
  /** Tokens of prompts, and how many of those were in the KV cache already; prompts that found any. */
  promptTokens: number
  cachedTokens: number
  prefixHits: number
  generatedTokens: number
  draftTokens: number
  acceptedTokens: number
  /** Sequences that gave up their blocks for others and are computed again. */
  preemptions: number
}

/** What the addon learned while it loaded the model. */
export interface ReadyInfo {
  runner: string
  /** Why this runner. */
  reason: string
  /** Devices that execute the model, e.g. `CPU`. */
  devices: string[]
  /** Effective values of the compiled model's properties. */
  properties: Record<string, string>
  /** Sequences that are computed at once. */
  maxSequences: number
  /** Which of them a step computes at once: `all`, `equal` (those of equal length) or `none` (one after the other). */
  batching: string
  /** Why not all, or ''. */
  batchingReason: string
  /** Whether guessed tokens can be taken back: prompt lookup, draft model. */
  canDraft: boolean
  /** Whether one sequence can go on as several: beams, and answers that share the computation of their prompt. */
  canFork: boolean
  /**
   * The KV cache of all sequences: tokens that it holds (0 = one sequence's, as long as the context), bytes reserved, tokens of a block,
   * element type of keys and values ('' when only `properties` tell).
   */
  kvCache: { tokens: number; bytes: number; blockTokens: number; precision: string }
  /** Longest prompt that the model was compiled for; 0 = no such bound. */
  maxPrompt: number
  /** Rows of the embedding table: token ids at or above it would be read out of bounds. */
  vocabularySize: number
  /** Longest sequence of the short factors when the graph selects LongRoPE factors by position, else 0. */
  longRopeBorder: number
  /** Which of these factors sequences get: `auto` by their length; `none` when the graph does not choose. */
  ropeRegime: 'auto' | 'short' | 'long' | 'none'
  /** Bytes of constants by element type, e.g. `{ u4: 5000000 }`. */
  weights: Record<string, number>
  /** rt_info of the model, flattened: `nncf/weight_compression/mode` → value. */
  rtInfo: Record<string, string>
  /** What multiplies with the weights of each scheme; empty where no weights are compressed, and elsewhere than on CPU. */
  kernels: NativeKernelChoice[]
  /** What computes the attention of a paged graph on CPU; empty elsewhere. */
  attention: NativeAttentionChoice[]
  /**
   * Where the weights lie that built-in kernels have packed: bytes of them (0 = there are none), the file that is mapped or '' for memory of
   * the process, and whether that file was there before, so that nothing was packed.
   */
  packed: { bytes: number; file: string; reused: boolean }
  /** Milliseconds: reading, choosing kernels and packing weights, compiling, warming up as far as it came before the model was ready. */
  timings: { read: number; pack: number; compile: number; warmup: number }
}

export interface NativeAttentionChoice {
  /** `openvino`, or the built-in attention: `avx512`, `avx2`, `portable`. */
  kernel: string
  layers: number
  reason: string
}

export interface NativeKernelChoice {
  /** E.g. `u4 g128 asymmetric`; '' for layers that no built-in kernel takes, and `reason` says why. */
  scheme: string
  /** `small` or `large`: which layers of this scheme the choice holds for; '' where nothing is measured. */
  size: string
  layers: number
  /** `openvino`, or the instruction set of the built-in kernel. */
  kernel: string
  /** How many times quicker the built-in kernel is with 1, 8 and 128 rows, when that was measured in this load. */
  ratios: number[]
  /** How far the repetitions of that lay apart: the distance of their quartiles, as a part of the median. */
  spread: number
  /** Whether they lay so far apart that the other kernel may be the quicker one, or were too few. */
  inDoubt: boolean
  reason: string
}

/** Log-probabilities of tokens: of the next ones of the prompt, or of those of the next event `tokens` or `beam-answer` of the same id. */
export interface NativeLogprobs {
  ofPrompt: boolean
  /** One a token. */
  values: number[]
  /** The likeliest tokens of each place, the likeliest first, as many as were asked for; -1 and -Infinity where there are no more. */
  topTokens: Int32Array
  topValues: number[]
}

/** Everything that comes up from an engine. Exactly one `finished` or `failed` per submitted id. */
export type EngineEvent =
  | { type: 'progress'; stage: Stage; done: number; total: number }
  | { type: 'warning'; code: string; message: string }
  | { type: 'ready'; info: ReadyInfo }
  /** The model was compiled again, for `precisionFallback`. */
  | { type: 'reopened'; info: ReadyInfo }
  | { type: 'tokens'; id: number; tokens: Int32Array }
  /** An answer of a beam search, whole, and its score: the sum of the tokens' processed log-probabilities over their number ^ lengthPenalty. */
  | { type: 'beam-answer'; id: number; tokens: Int32Array; score: number }
  | ({ type: 'logprobs'; id: number } & NativeLogprobs)
  /** The sequence has grown beyond the border of its position factors: `done` of its `total` tokens have been computed again. */
  | { type: 'reprefill'; id: number; done: number; total: number }
  | { type: 'finished'; id: number; reason: NativeFinishReason; timings: NativeTimings }
  /**
   * id 0 is the engine itself, at most once: before `ready` it did not load; after it, it has died (two steps in a row failed, or the
   * runner could not be made anew), and code and message are the first cause. The engine has then computed its last step and frees the
   * model. This event comes before the requests fail; they, and every later one, fail with the same code and message. `close()` works
   * as ever: after `closed` the memory is free.
   */
  | { type: 'failed'; id: number; code: ErrorCode; message: string }
  | { type: 'closed' }

/** Everything that comes up from a job: progress, then one `done` or `failed`, then `closed`. */
export type JobEvent =
  | { type: 'progress'; stage: Stage; done: number; total: number }
  | { type: 'done'; result: unknown }
  | { type: 'failed'; id: number; code: ErrorCode; message: string }
  | { type: 'closed' }

export interface NativeEngine {
  /** To be called once, before the first request with a grammar or a budget of reasoning. What is handed over is copied. */
  vocabulary(vocabulary: Vocabulary): void
  /** One id per answer, chosen by the caller, > 0 and never used before; every token id must lie inside the vocabulary. */
  submit(ids: number[], prompt: Int32Array, params: RequestParams): void
  /** Idempotent; unknown ids are ignored. */
  cancel(id: number): void
  metrics(): NativeMetrics
  /** Idempotent. Every request ends as cancelled (or failed, when the engine is dead), then `closed` comes. */
  close(): void
}

export interface NativeJob {
  /** Idempotent. The job fails with ERR_CLOSED as soon as it can. */
  cancel(): void
}

/** What a GGUF says and OpenVINO's front end does not put into the graph. */
export interface GgufMends {
  /** Divisors of the frequencies of rotary embeddings, one for each; empty for none. */
  ropeFactors: number[]
  /** Cosines and sines are multiplied by it; 1 for none. */
  ropeMagnitude: number
  /** Tables of this base are not scaled, though those of other layers are; 0 for none. */
  localRopeBase: number
  /** Layers whose queries and keys are not rotated at all. */
  unrotatedLayers: Int32Array
  /** Of every layer: `windowed`, `full`, or '' for what the front end chose. */
  attentionMask: '' | 'windowed' | 'full'
}

/** Arguments and results of the jobs by kind. */
export interface Jobs {
  /** Reads a GGUF and writes openvino_model.xml and .bin into the existing folder `target`. */
  convert: { args: { source: string; target: string } & GgufMends; result: Pick<NativeGraph, 'vocabularySize'> }
  /**
   * Loads the drivers and lists the devices of one plugin (`CPU`, `GPU`, `NPU`), or of all for ''. A plugin that cannot be asked is one
   * device with its `error`. Some drivers crash: only a process that may die should ask.
   */
  devices: { args: { plugin: string }; result: NativeDevice[] }
  /**
   * Compares the logits of the paged and the stateful runner in f32, teacher-forced on made-up prompts of these lengths; stages `read`,
   * `compile`, `compare`. ERR_UNSUPPORTED_MODEL when the graph cannot be paged at all.
   */
  check: {
    args: { modelPath: string; device: DeviceFeatures; contextLength: number; lengths: Int32Array }
    result: NativeCheck
  }
  /**
   * Compares the logits that two configurations give for the positions of one text, teacher-forced; the same stages. Both need a context
   * and a KV cache that hold the text.
   */
  compare: { args: { left: EngineConfig; right: EngineConfig; tokens: Int32Array }; result: NativeComparison }
  /** Reads a model without compiling it, and asks the device what it computes in by default. */
  inspect: { args: { modelPath: string; device: string }; result: NativeInspection }
}

/** What a graph tells without being compiled. */
export type NativeGraph = Pick<ReadyInfo, 'vocabularySize' | 'longRopeBorder' | 'weights' | 'rtInfo'>

/** What a graph tells of the memory that its model will take. */
export interface NativeInspection extends NativeGraph {
  /** Keys and values of one token in all layers, in numbers. */
  kvValuesPerToken: number
  /** Layers that keep keys and values. */
  layers: number
  /** Sum of the widths of what all multiplications by constants but the last compute. */
  matmulWidth: number
  /** Bytes of what built-in kernels would pack. */
  packedBytes: number
  /** INFERENCE_PRECISION_HINT of the device as it is by default, or '' when it does not tell. */
  inferencePrecision: string
}

/** What comparing the two runners found; near ties count as agreeing. */
export type NativeCheck = Pick<NativeComparison, 'positions' | 'agreeing' | 'maxDifference' | 'deviation' | 'windows'>

/** What comparing two configurations found. */
export interface NativeComparison {
  /** Positions compared; on how many the most likely token was the same, and on how many others the two were a near tie (1 % of `deviation`). */
  positions: number
  agreeing: number
  nearTies: number
  /** Tokens that layers with a sliding window see, by the graph that was paged; ascending. */
  windows: number[]
  /** Mean Kullback-Leibler divergence of the left one's probabilities from the right one's, nats. */
  divergence: number
  /** Mean negative log-likelihood of the tokens that follow in the text, nats. */
  leftLoss: number
  rightLoss: number
  /** Largest difference of two logits, and the standard deviation of all logits for scale. */
  maxDifference: number
  deviation: number
}

/** A device that OpenVINO sees. */
export interface NativeDevice {
  /** OpenVINO device string, e.g. `CPU` or `GPU.0`. */
  name: string
  fullName: string
  /** Properties that the device lets one read, as text. */
  properties: Record<string, string>
  /** Why the device could not be asked, or ''. */
  error: string
}

/** What crosses the boundary, as names: types of fields by structure, by event and by kind of job, and the values of sets of names. */
export interface Boundary {
  structures: Record<string, Record<string, string>>
  events: Record<string, Record<string, string>>
  jobArguments: Record<string, Record<string, string>>
  jobResults: Record<string, string>
  names: Record<string, readonly string[]>
}

export interface BuildInfo {
  /** Version of this package that the addon was built for. */
  version: string
  /** OpenVINO build, e.g. `2026.4.1-22982-…`. */
  openvino: string
  /** Built-in kernels that this processor executes, the best first; the last is the portable one. */
  kernels: string[]
  /** What constrains answers to a grammar, e.g. `llguidance 1.9.1`; '' when the addon was built without it. */
  grammar: string
  /** What the addon knows of the boundary. */
  boundary: Boundary
}

export interface Addon {
  buildInfo(): BuildInfo
  /**
   * Stops and joins all native threads; to be called in the main thread's `exit` event, because process.exit() runs no
   * cleanup hooks. A thread that cannot be stopped within 300 ms ends the process with `code`.
   */
  atExit(code: number): void
  /** Opens the clock of the calling thread, for {@link threadCpuTime}. Its number is never used again in this process. */
  threadClock(): number
  /**
   * Milliseconds of CPU time that the thread of a clock has used, also while that thread computes. Undefined once the
   * thread has ended.
   */
  threadCpuTime(clock: number): number | undefined
  /**
   * Takes the exclusive lock of flock(2) on an open file, without waiting. It ends with the last descriptor of what is open. False while
   * another one holds it; undefined where there are no such locks.
   */
  tryFileLock(descriptor: number): boolean | undefined
  Engine: new (config: EngineConfig, onEvents: (events: EngineEvent[]) => void) => NativeEngine
  Job: new <K extends keyof Jobs>(kind: K, args: Jobs[K]['args'], onEvents: (events: JobEvent[]) => void) => NativeJob
}
