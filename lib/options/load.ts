import type { RequestDefaults } from './generation.js'
import { type ActivationQuantization, type CpuKernel, cpuKernels, quantizationRule } from './kernels.js'
import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** Options of loading a model. */
export interface LoadOptions {
  /**
   * OpenVINO device string: `CPU`, `GPU`, `GPU.1`, `NPU`, `AUTO:GPU,CPU`, `HETERO:GPU,CPU`, …. `AUTO` alone takes a discrete GPU, else an
   * integrated one, else the CPU; it takes only a device that is there and that the model fits, and goes on to the
   * CPU, with a warning, when the model cannot be opened there. `llm.info.deviceReason` says why.
   * Default `CPU`.
   */
  device?: string | undefined
  /** Positions to use, ≥ 2 and at most the model's own context. By default all. */
  contextLength?: number | undefined
  /** OpenVINO properties by name, e.g. `{ INFERENCE_NUM_THREADS: 4, KV_CACHE_PRECISION: 'f16' }`. */
  ovConfig?: Readonly<Record<string, string | number | boolean>> | undefined
  /**
   * What the device computes in. With `auto` the device chooses (bf16 on CPUs that have it). A device that lacks the precision takes
   * another one, with a warning; `llm.info.precision` shows it. Default `auto`.
   */
  precision?: 'auto' | 'f32' | 'bf16' | 'f16' | undefined
  /** Threads on the CPU, 1 to 1024. By default as many as it has physical performance cores that this process may use. */
  threads?: number | undefined
  /** Leaves one of those cores to the event loop. Default false. */
  reserveCore?: boolean | undefined
  /** For NPU, which is compiled for it: tokens of the longest prompt, ≥ 1. Default 1024, or what `contextLength` leaves. */
  maxPromptLength?: number | undefined
  /** For NPU: tokens that an answer to the longest prompt may have, ≥ 1. Default 128, or half of a shorter context. */
  minResponseLength?: number | undefined
  /**
   * `paged` computes many requests at once, which share the beginnings of their prompts; `stateful` works with every model and device.
   * `auto` is paged where the device and the model allow it. `llm.info` says which it is and why. Default `auto`.
   */
  engine?: 'auto' | 'paged' | 'stateful' | undefined
  /** Answers that are computed at once, 1 to 256; on NPUs always one. Default 16. */
  maxSequences?: number | undefined
  /** Requests that may wait beside those; further ones reject with `ERR_QUEUE_FULL`. ≥ 0; Infinity is no bound. Default 1024. */
  maxQueue?: number | undefined
  /** Loads the model even if {@link estimate} says that memory will not do; the system may then kill the process. Default false. */
  ignoreMemory?: boolean | undefined
  /**
   * When a model has been idle for this many seconds, its weights and its KV cache leave memory; the next request waits until they are
   * loaded again, with `onProgress`. Above 0 and at most 2147483. By default never.
   */
  unloadAfter?: number | undefined
  /**
   * Most bytes of the paged KV cache, which all requests share; above 0. By default it holds four full contexts, but it takes at most half
   * of the free memory unless one context needs more. It is reserved, and takes memory only as far as it is used.
   */
  kvCacheBytes?: number | undefined
  /** Precision of keys and values. By default the device chooses: u8 on CPU. `f32` is needed for equality to the last bit. */
  kvCachePrecision?: 'u8' | 'u4' | 'f16' | 'f32' | undefined
  /**
   * Models with LongRoPE (Phi-3 128k) have short position factors for sequences of up to some thousand tokens, and long ones beyond.
   * With `auto` a sequence takes the factors of its whole length, as in transformers; an answer that grows beyond the border is computed
   * again from its first token, once (`onReprefill`). `short` ends the context at the border. `long` always uses the long factors: there is
   * no pause, but short texts are computed with factors that were not made for them. Default `auto`.
   */
  ropeRegime?: 'auto' | 'short' | 'long' | undefined
  /**
   * What multiplies with int4 and int8 weights on CPU: `builtin` is the built-in kernels, `openvino` is OpenVINO's. `auto` takes the
   * quicker one for each scheme of weights, which is measured once on a machine and remembered; a model that packs less than 32 MB takes the
   * built-in ones unmeasured. The name of an instruction set is the built-in kernel for it. Default `auto`.
   */
  cpuKernel?: CpuKernel | undefined
  /**
   * What computes attention over a paged KV cache on CPU: `openvino` or `builtin`, which takes caches in u8, u4, f16 and f32 where OpenVINO
   * computes in f32. `auto` is the built-in one, unless `cpuKernel` is `openvino` or the processor lacks AVX2. Default `auto`.
   */
  cpuAttention?: 'auto' | 'builtin' | 'openvino' | undefined
  /**
   * How the built-in kernels take activations: as int8 with one scale for 32 or 64 inputs, or for a `group` of the weights; `off` keeps
   * them f32. By default `off` when `ovConfig` asks for f32 precision or accuracy, else 32, as OpenVINO does on CPUs with VNNI.
   */
  activationQuantization?: ActivationQuantization | undefined
  /**
   * Keeps what makes the next start on CPU short in the cache folder, for models whose weights take at most this many bytes (Infinity:
   * any; 0: none): the weights that the built-in kernels have packed, in a file about as large as the weights, and the compiled graph. They
   * are written after the first answer. The next start maps the weights (`llm.info.packed`), and processes that load the same model share
   * their memory. The files may be removed or replaced at any time, but truncating one in place ends the processes that use it. If one
   * cannot be written, there is a warning. By default models of at least 32 MB whose weights take at most a tenth of the free disk.
   */
  packedCacheBytes?: number | undefined
  /** A smaller model with the same vocabulary, by its reference: it guesses tokens that the model then verifies. Needs the paged engine. */
  draftModel?: string | URL | undefined
  /** Options of every request that does not set its own. */
  defaults?: RequestDefaults | undefined
  /**
   * Of the repository that the reference names: a branch, a tag or a commit. One commit is always the same files, and once they are there
   * nobody is asked. By default the default branch.
   */
  revision?: string | undefined
  /** Whether to use only what is on this machine. By default `HF_HUB_OFFLINE` decides. */
  offline?: boolean | undefined
  /** Aborts the load, which rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
  /** Called as the load goes on. An error that it throws ends the load. */
  onProgress?: ((progress: LoadProgress) => void) | undefined
  /** Called with each warning, once. By default `process.emitWarning`. */
  onWarning?: ((warning: ModelWarning) => void) | undefined
}

/** How far a load is. */
export interface LoadProgress {
  /** `download` (in bytes), `metadata`, `convert` and `check` (GGUF only, once), `read`, `measure` (once a machine), `pack`, `compile`, `warmup`. */
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

/** The options of a load, in the order in which the help shows their flags. */
export const loadTable = {
  device: {
    ...check.string,
    default: 'CPU',
    flag: { value: '<name>', help: 'CPU, GPU, NPU, AUTO, …', showDefault: true },
  },
  contextLength: {
    ...check.integer(2),
    flag: { value: '<n>', help: "positions to use (default: the model's)" },
  },
  ovConfig: {
    ...check.object,
    flag: { name: 'ov', value: '<KEY=VALUE>', help: 'OpenVINO property; repeatable', several: 'properties' },
  },
  precision: {
    ...check.oneOf('auto', 'f32', 'bf16', 'f16'),
    default: 'auto',
    flag: { value: '<type>', help: 'auto, f32, bf16 or f16', rare: true },
  },
  threads: {
    ...check.integer(1, 1024),
    flag: { value: '<n>', help: 'threads on the CPU (default: its performance cores)', rare: true },
  },
  reserveCore: { ...check.boolean, default: false, flag: { help: 'leaves one of those cores free', rare: true } },
  maxPromptLength: {
    ...check.integer(1, 2 ** 20),
    default: 1024,
    flag: { value: '<n>', help: 'tokens of the longest prompt, for NPU', rare: true },
  },
  minResponseLength: {
    ...check.integer(1, 2 ** 20),
    default: 128,
    flag: { value: '<n>', help: 'tokens of an answer to it, for NPU', rare: true },
  },
  engine: {
    ...check.oneOf('auto', 'paged', 'stateful'),
    default: 'auto',
    flag: { value: '<name>', help: 'auto, paged or stateful', rare: true },
  },
  // Decoding 16 answers costs little more than decoding one.
  maxSequences: { ...check.integer(1, 256), default: 16 },
  // Enough for a burst, few enough that memory stays bounded.
  maxQueue: { ...check.either(check.integer(0), check.infinity), default: 1024 },
  ignoreMemory: {
    ...check.boolean,
    default: false,
    flag: { help: 'loads although memory will not do', rare: true },
  },
  unloadAfter: check.number('of seconds above 0 and at most 2147483', (value) => value > 0 && value <= 2147483),
  kvCacheBytes: {
    ...check.number('of bytes above 0', (value) => value > 0),
    flag: { value: '<n>', help: 'most memory of the KV cache', rare: true },
  },
  kvCachePrecision: {
    ...check.oneOf('u8', 'u4', 'f16', 'f32'),
    flag: { value: '<type>', help: 'u8, u4, f16 or f32', rare: true },
  },
  ropeRegime: {
    ...check.oneOf('auto', 'short', 'long'),
    default: 'auto',
    flag: { value: '<name>', help: 'auto, short or long LongRoPE factors', rare: true },
  },
  cpuKernel: {
    ...check.oneOf(...cpuKernels),
    default: 'auto',
    flag: { value: '<name>', help: 'auto, openvino or builtin multiplies weights', rare: true },
  },
  cpuAttention: {
    ...check.oneOf('auto', 'builtin', 'openvino'),
    default: 'auto',
    flag: { value: '<name>', help: 'auto, openvino or builtin attention', rare: true },
  },
  activationQuantization: {
    ...quantizationRule,
    flag: { value: '<how>', help: 'off, 32, 64, group: built-in kernels', rare: true },
  },
  packedCacheBytes: {
    ...check.either(
      check.number('of bytes ≥ 0', (value) => value >= 0),
      check.infinity,
    ),
    flag: { value: '<n>', help: 'keeps packed weights and graphs of models up to that', rare: true },
  },
  draftModel: {
    expected: 'a reference to a model: text, or a URL',
    accepts: (value: unknown) => (typeof value === 'string' && value !== '') || value instanceof URL,
    flag: { value: '<model>', help: 'smaller model that guesses tokens', rare: true },
  },
  revision: {
    ...check.string,
    flag: { value: '<name>', help: 'branch, tag or commit of the repository', rare: true },
  },
  offline: { ...check.boolean, flag: { help: 'uses only what is on this machine', rare: true } },
  defaults: check.object,
  signal: check.signal,
  onProgress: check.callback,
  onWarning: check.callback,
} as const satisfies Table<LoadOptions>

export const loadDefaults = defaultsOf(loadTable)
