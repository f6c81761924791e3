import { stat } from 'node:fs/promises'
import { prefillChunk } from '../devices/prefill-chunk.js'
import { kvPrecisionOf, withOptions } from '../devices/properties.js'
import { defaultDevice, deviceKind } from '../devices/table.js'
import { runJob } from '../engine/job.js'
import { LLMError } from '../errors.js'
import { availableMemory } from '../memory/available.js'
import { bothNeeds, type MemoryInputs, type MemoryNeeds, memoryNeeds } from '../memory/needs.js'
import type { ModelDefinition } from '../model/definition.js'
import type { LoadOptions } from '../options/load.js'
import { resolveDevice } from './device.js'

/** What a model needs and what there is, in bytes. */
export interface MemoryEstimate extends MemoryNeeds {
  /** What this process can still take, within the limits of its container. */
  available: number
  /** Whether everything but the mapped pages, which the system can take back, is available. */
  fits: boolean
}

/** What models whose files are known will need. */
export async function estimateDefinition(
  definition: ModelDefinition,
  options: NeedsOptions,
  draft?: ModelDefinition,
): Promise<MemoryEstimate> {
  const { device } = await resolveDevice(options, definition, availableMemory())
  const own = await needsOf(definition, options, device, false)
  const needs = draft ? bothNeeds(own, await needsOf(draft, options, device, true)) : own
  const available = availableMemory()
  return { ...needs, available, fits: unreclaimable(needs) <= available }
}

type NeedsOptions = Pick<
  LoadOptions,
  'device' | 'contextLength' | 'kvCachePrecision' | 'precision' | 'cpuKernel' | 'ovConfig' | 'signal'
> & { concurrency?: number | undefined }

/** @param helps whether another model brings libraries and tokenizer */
async function needsOf(
  definition: ModelDefinition,
  options: NeedsOptions,
  device: string,
  helps: boolean,
): Promise<MemoryNeeds> {
  const { signal, concurrency = 1 } = options
  const kind = deviceKind(device)
  const ovConfig = withOptions(options.ovConfig ?? {}, options)
  const { modelPath, weightsBytes } = definition
  const inspected = await runJob('inspect', { modelPath, device }, { signal })
  const facts: MemoryInputs = {
    ...inspected,
    weightsBytes,
    graphBytes: (await stat(modelPath)).size,
    // What `auto` measures is not known yet.
    builtinKernels: device === defaultDevice && options.cpuKernel !== 'openvino',
    keepsPages: process.platform !== 'linux',
    inferencePrecision: String(ovConfig['INFERENCE_PRECISION_HINT'] ?? inspected.inferencePrecision),
    kvPrecision: kvPrecisionOf(ovConfig, kind.kvPrecision),
    prefillChunk: prefillChunk(kind, weightsBytes, 'paged'),
    contextLength: Math.min(options.contextLength ?? definition.contextLength, definition.contextLength),
    concurrency,
    helps,
  }
  return memoryNeeds(facts)
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
  draft?: ModelDefinition,
): Promise<void> {
  const { contextLength, kvCacheBytes, kvCachePrecision, precision, cpuKernel, ovConfig, device, signal } = options
  const models = [definition, ...(draft ? [draft] : [])]
  const sum = (of: (model: ModelDefinition) => number) => models.reduce((all, model) => all + of(model), 0)
  const asked = sum((model) => Math.max(kvCacheBytes ?? 0, 4 * (model.kvValuesPerToken ?? 0) * (contextLength ?? 0)))
  if (sum(({ weightsBytes }) => weightsBytes) * most.times + asked + most.plus < available) return
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
  const { weights, kvCache, activations, runtime } = await estimateDefinition(definition, least, draft)
  const cache = kvCacheBytes ?? kvCache
  const needed = weights.packed + cache + activations + runtime
  if (needed <= available) return
  throw new LLMError(
    'ERR_OUT_OF_MEMORY',
    `${models.map(({ folder }) => folder).join(' and ')}: needs about ${gigabytes(needed)} of memory (weights ${gigabytes(weights.packed)}, KV cache ${gigabytes(cache)}, ` +
      `the rest ${gigabytes(activations + runtime)}), and ${gigabytes(available)} are available; ignoreMemory: true loads it nevertheless`,
  )
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`
