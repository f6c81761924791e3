import { stat } from 'node:fs/promises'
import { availableMemory } from './config/available-memory.js'
import * as check from './config/check.js'
import { defaultDevice, deviceKind, prefillChunk } from './config/devices.js'
import { type MemoryFacts, type MemoryNeeds, memoryNeeds } from './config/memory.js'
import { type LoadOptions, loadRules } from './config/options.js'
import { kvPrecisionOf, withOptions } from './config/properties.js'
import { resolveDevice } from './device-settings.js'
import { LLMError } from './errors.js'
import type { ModelDefinition } from './model/definition.js'
import { loadModel } from './model/load-model.js'
import { runJob } from './native/job.js'

/** Options of {@link estimate}; those that it shares with loading mean the same. */
export interface EstimateOptions
  extends Pick<
    LoadOptions,
    'device' | 'contextLength' | 'kvCachePrecision' | 'precision' | 'cpuKernel' | 'ovConfig' | 'signal' | 'onProgress'
  > {
  /** Requests of full context length that are computed at once, 1 to 1024. Default 1. */
  concurrency?: number | undefined
}

/** What a model needs and what there is, in bytes. */
export interface MemoryEstimate extends MemoryNeeds {
  /** What this process can still take, within the limits of its container. */
  available: number
  /** Whether everything but the mapped pages, which the system can take back, is available. */
  fits: boolean
}

const rules: Record<keyof EstimateOptions, check.Rule> = {
  device: loadRules.device,
  contextLength: loadRules.contextLength,
  kvCachePrecision: loadRules.kvCachePrecision,
  precision: loadRules.precision,
  cpuKernel: loadRules.cpuKernel,
  ovConfig: loadRules.ovConfig,
  signal: loadRules.signal,
  onProgress: loadRules.onProgress,
  concurrency: check.integer(1, 1024),
}

/**
 * How much memory a model will take once it is loaded and `concurrency` requests of full context have been computed; it is not compiled.
 * The formula was fitted on the CPU, where it was within 8 % of what was measured. A GGUF is converted first, once, as by `LLM.load`.
 *
 * @throws TypeError for options that are unknown or out of range; LLMError `ERR_MODEL_*`, `ERR_UNSUPPORTED_MODEL`, `ERR_DEVICE`
 */
export async function estimate(model: string | URL, options: EstimateOptions = {}): Promise<MemoryEstimate> {
  check.checkOptions(options, rules, 'EstimateOptions')
  const { signal, onProgress } = options
  return estimateDefinition(await loadModel(model, { signal, onProgress }), options)
}

/** {@link estimate} of a model whose files are known. */
export async function estimateDefinition(
  definition: ModelDefinition,
  options: Pick<
    EstimateOptions,
    'device' | 'contextLength' | 'kvCachePrecision' | 'precision' | 'cpuKernel' | 'ovConfig' | 'signal' | 'concurrency'
  >,
): Promise<MemoryEstimate> {
  const { signal, concurrency = 1 } = options
  const { device } = await resolveDevice(options, definition, availableMemory())
  const kind = deviceKind(device)
  const ovConfig = withOptions(options.ovConfig ?? {}, options)
  const { modelPath, weightsBytes } = definition
  const inspected = await runJob('inspect', { modelPath, device }, { signal })
  const facts: MemoryFacts = {
    ...inspected,
    weightsBytes,
    graphBytes: (await stat(modelPath)).size,
    // What `auto` measures is not known yet.
    ownKernel: device === defaultDevice && options.cpuKernel !== 'openvino',
    keepsPages: process.platform !== 'linux',
    inferencePrecision: String(ovConfig['INFERENCE_PRECISION_HINT'] ?? inspected.inferencePrecision),
    kvPrecision: kvPrecisionOf(ovConfig, kind.kvPrecision),
    prefillChunk: prefillChunk(kind, weightsBytes, 'paged'),
    contextLength: Math.min(options.contextLength ?? definition.contextLength, definition.contextLength),
    concurrency,
  }
  const needs = memoryNeeds(facts)
  const available = availableMemory()
  return { ...needs, available, fits: unreclaimable(needs) <= available }
}

/** What must be there for good. */
const unreclaimable = ({ total, weights }: MemoryNeeds): number => total - weights.mapped

/** No model took more than this beside its weights and keys and values, or its weights' size more often, whatever they were. */
const most = { times: 2.1, plus: 1.5e9 }

/**
 * Refuses what cannot be: weights, graph, and the keys and values that the caller asked for by `contextLength` or `kvCacheBytes`.
 * Reads the graph only when it may be tight.
 *
 * @throws LLMError `ERR_OUT_OF_MEMORY` with the numbers
 */
export async function requireMemory(
  definition: ModelDefinition,
  options: Pick<
    LoadOptions,
    'device' | 'contextLength' | 'kvCacheBytes' | 'kvCachePrecision' | 'precision' | 'cpuKernel' | 'ovConfig' | 'signal'
  >,
  available: number,
): Promise<void> {
  const { contextLength, kvCacheBytes, kvCachePrecision, precision, cpuKernel, ovConfig, device, signal } = options
  const asked = Math.max(kvCacheBytes ?? 0, 4 * (definition.kvValuesPerToken ?? 0) * (contextLength ?? 0))
  if (definition.weightsBytes * most.times + asked + most.plus < available) return
  // Without a wish a few tokens are the least that one can want: keys and values come only as they are used.
  const least = {
    device,
    kvCachePrecision,
    precision,
    cpuKernel,
    ovConfig,
    signal,
    contextLength: contextLength ?? 1,
  }
  const { weights, kvCache, activations, runtime } = await estimateDefinition(definition, least)
  const cache = kvCacheBytes ?? kvCache
  const needed = weights.packed + cache + activations + runtime
  if (needed <= available) return
  throw new LLMError(
    'ERR_OUT_OF_MEMORY',
    `${definition.folder}: needs about ${gigabytes(needed)} of memory (weights ${gigabytes(weights.packed)}, KV cache ${gigabytes(cache)}, ` +
      `the rest ${gigabytes(activations + runtime)}), and ${gigabytes(available)} are available; ignoreMemory: true loads it nevertheless`,
  )
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`
