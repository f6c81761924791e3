import type { RequestDefaults } from './generation.js'
import type { ActivationQuantization, CpuKernel } from './kernels.js'
import { cpuKernels, quantizationRule } from './kernels.js'
import type { Rule } from './rules.js'
import * as check from './rules.js'

/** Options of loading a model. */
export interface LoadOptions {
  /**
   * OpenVINO device string: `CPU`, `GPU`, `GPU.1`, `NPU`, `AUTO:GPU,CPU`, `HETERO:GPU,CPU`, …. `AUTO` alone takes a discrete GPU before an
   * integrated one before the CPU, by what is there and whether the model fits; `llm.info.deviceReason` says why. Default `CPU`.
   */
  device?: string | undefined
  /** Threads on the CPU, ≥ 1. Default: its physical performance cores, as far as this process may use them. */
  threads?: number | undefined
  /** Leaves one of those cores to the event loop. Default false. */
  reserveCore?: boolean | undefined
  /** Tokens of the longest prompt, ≥ 1; for NPU, which is compiled for it. Default 1024, or what `contextLength` leaves. */
  maxPromptLength?: number | undefined
  /** Tokens that an answer to the longest prompt may have, ≥ 1; for NPU. Default 128. */
  minResponseLength?: number | undefined
  /**
   * What the device computes in. `auto`, the default, is the device's choice (bf16 on CPUs that have it). A device that cannot takes another
   * one, with a warning; `llm.info.precision` shows it.
   */
  precision?: 'auto' | 'f32' | 'bf16' | 'f16' | undefined
  /** Positions to use, at most the model's own context. Default: all. */
  contextLength?: number | undefined
  /**
   * Of models with LongRoPE (Phi-3 128k), which have short position factors for sequences of up to some thousand tokens and long ones
   * beyond. `auto`, the default, is what transformers does: a sequence takes those of its whole length, so that an answer that grows beyond
   * the border is computed again from its first token, once (`onReprefill`). `short` ends the context at the border; `long` uses the long
   * factors throughout: no pause, but short texts are computed with factors that were not made for them.
   */
  ropeRegime?: 'auto' | 'short' | 'long' | undefined
  /** OpenVINO properties by name, e.g. `{ INFERENCE_NUM_THREADS: 4, KV_CACHE_PRECISION: 'f16' }`. */
  ovConfig?: Readonly<Record<string, string | number | boolean>> | undefined
  /**
   * `paged`: many requests are computed at once and share the beginnings of their prompts; `stateful`: one at a time; `auto`, the default:
   * paged where the device and the model allow it. `llm.info` says which it is and why.
   */
  engine?: 'auto' | 'paged' | 'stateful' | undefined
  /** Answers that are computed at once, 1 to 256. Default 16. The stateful engine computes one. */
  maxSequences?: number | undefined
  /** Requests that may wait beside those; further ones reject with `ERR_QUEUE_FULL`. ≥ 0, Infinity for no bound. Default 1024. */
  maxQueue?: number | undefined
  /**
   * Most bytes of the paged KV cache that all requests share, above 0. Default: four full contexts, within half of the free memory
   * but never less than one context. It is reserved, and takes memory only as far as it is used.
   */
  kvCacheBytes?: number | undefined
  /**
   * Load although memory will not do by {@link estimate}; the system may then kill the process. Default false: `ERR_OUT_OF_MEMORY`.
   */
  ignoreMemory?: boolean | undefined
  /**
   * Seconds without a request after which weights and KV cache leave memory, above 0 and at most 2147483; the next request waits until
   * they are loaded again, with `onProgress`. Default: never.
   */
  unloadAfter?: number | undefined
  /** Precision that keys and values are kept in. Default: the device's, u8 on CPU. Equality to the last bit needs `f32`. */
  kvCachePrecision?: 'u8' | 'u4' | 'f16' | 'f32' | undefined
  /**
   * What multiplies with int4 and int8 weights on CPU: `own`, this package's kernels, `openvino`'s, or `auto`, the default: for each scheme
   * of weights the quicker one on this machine, which is measured once and remembered. An instruction set's name is the built-in kernel for it.
   */
  cpuKernel?: CpuKernel | undefined
  /**
   * How built-in kernels take activations: as int8 with one scale for 32 or 64 inputs, or for a group of the weights; `off` keeps them f32.
   * Default: `off` when `ovConfig` asks for f32 precision or accuracy, else 32, as OpenVINO itself does on CPUs with VNNI.
   */
  activationQuantization?: ActivationQuantization | undefined
  /**
   * Keeps the weights that built-in kernels have packed in the cache folder, for models whose weights are at most so many bytes (Infinity: any):
   * the next start maps the file instead of packing, and processes that load the same model share its memory. It costs disk of about the
   * size of the weights, and the first start writes that. The file (`llm.info.packed`) may be removed or replaced at any time, but who
   * truncates it in place ends the processes that use it. What cannot be written is a warning. Default 0, none.
   */
  packedCacheBytes?: number | undefined
  /** A smaller model with the same vocabulary, a folder or GGUF: it guesses tokens that the model then verifies. Needs the paged engine. */
  draftModel?: string | URL | undefined
  /** Default options of every request. */
  defaults?: RequestDefaults | undefined
  /** Aborts the load, which rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
  /** Called as the load goes on; what it throws ends the load with that error. */
  onProgress?: ((progress: LoadProgress) => void) | undefined
  /** Called with each warning, each once. Default: `process.emitWarning`. */
  onWarning?: ((warning: ModelWarning) => void) | undefined
}

/** How far a load is. */
export interface LoadProgress {
  /** `metadata`, `convert` and `check` (GGUF only, once), `read`, `measure` (once a machine), `pack`, `compile`, `warmup`. */
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

const reference: Rule = {
  expected: 'a path or a file: URL',
  accepts: (value) => (typeof value === 'string' && value !== '') || value instanceof URL,
}

/** Every option of a load. */
export const loadRules: Record<keyof LoadOptions, Rule> = {
  device: check.string,
  threads: check.integer(1, 1024),
  reserveCore: check.boolean,
  maxPromptLength: check.integer(1, 2 ** 20),
  minResponseLength: check.integer(1, 2 ** 20),
  precision: check.oneOf('auto', 'f32', 'bf16', 'f16'),
  contextLength: check.integer(2),
  ropeRegime: check.oneOf('auto', 'short', 'long'),
  ovConfig: check.object,
  engine: check.oneOf('auto', 'paged', 'stateful'),
  maxSequences: check.integer(1, 256),
  maxQueue: check.either(check.integer(0), check.infinity),
  kvCacheBytes: check.number('of bytes above 0', (value) => value > 0),
  ignoreMemory: check.boolean,
  unloadAfter: check.number('of seconds above 0 and at most 2147483', (value) => value > 0 && value <= 2147483),
  kvCachePrecision: check.oneOf('u8', 'u4', 'f16', 'f32'),
  cpuKernel: check.oneOf(...cpuKernels),
  activationQuantization: quantizationRule,
  packedCacheBytes: check.either(
    check.number('of bytes ≥ 0', (value) => value >= 0),
    check.infinity,
  ),
  draftModel: reference,
  defaults: check.object,
  signal: check.signal,
  onProgress: check.callback,
  onWarning: check.callback,
}
