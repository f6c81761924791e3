import { stat } from 'node:fs/promises'
import { prefillChunk } from '../devices/prefill-chunk.js'
import { gigabytes } from '../disk-space.js'
import { runJob } from '../engine/job.js'
import { LLMError } from '../errors.js'
import { bothNeeds, type MemoryInputs, type MemoryNeeds, memoryNeeds } from '../memory/needs.js'
import { type MemoryReservations, type Reservation, reservations } from '../memory/reservation.js'
import type { ModelDefinition } from '../model/definition.js'
import { type EstimateOptions, estimateDefaults } from '../options/estimate.js'
import { type LoadOptions, loadDefaults } from '../options/load.js'
import type { Definitions } from './definition.js'
import type { SettledDevice } from './device.js'

type NeedsOptions = Pick<EstimateOptions, 'contextLength' | 'cpuKernel' | 'signal' | 'concurrency'>

/** What a model and its draft model will need on a device. Reads their graphs. */
export async function needsOf(
  { definition, draft }: Definitions,
  device: SettledDevice,
  options: NeedsOptions,
): Promise<MemoryNeeds> {
  const own = await needsOfOne(definition, device, options, false)
  return draft ? bothNeeds(own, await needsOfOne(draft, device, options, true)) : own
}

/** @param helps whether another model brings libraries and tokenizer */
async function needsOfOne(
  definition: ModelDefinition,
  device: SettledDevice,
  { contextLength, cpuKernel, signal, concurrency = estimateDefaults.concurrency }: NeedsOptions,
  helps: boolean,
): Promise<MemoryNeeds> {
  const { modelPath, weightsBytes } = definition
  const inspected = await runJob('inspect', { modelPath, device: device.name }, { signal })
  const inputs: MemoryInputs = {
    ...inspected,
    weightsBytes,
    graphBytes: (await stat(modelPath)).size,
    // What `auto` measures is not known yet.
    builtinKernels: device.kind.builtinKernels && cpuKernel !== 'openvino',
    keepsPages: process.platform !== 'linux',
    inferencePrecision: String(device.asked['INFERENCE_PRECISION_HINT'] ?? inspected.inferencePrecision),
    kvPrecision: device.kvPrecision,
    prefillChunk: prefillChunk(device.kind, weightsBytes, 'paged'),
    contextLength: Math.min(contextLength ?? definition.contextLength, definition.contextLength),
    concurrency,
    helps,
  }
  return memoryNeeds(inputs)
}

/** Measured: besides its keys and values, no model took more than 2.1 times its weights plus 1.5 GB, in whatever precision they were. */
const most = { times: 2.1, plus: 1.5e9 }

/**
 * Reserves the memory of a load until it has ended, and refuses what cannot be: weights, graph, and the keys and values that the caller
 * asked for by `contextLength` or `kvCacheBytes`. Other loads that are under way count. Reads the graph only when it may be tight.
 *
 * @param memory of the process unless a test says otherwise
 * @throws LLMError `ERR_OUT_OF_MEMORY` with the numbers; `signal.reason` when aborted
 */
export async function reserveMemory(
  models: Definitions,
  device: SettledDevice,
  options: Pick<LoadOptions, 'contextLength' | 'kvCacheBytes' | 'cpuKernel' | 'ignoreMemory' | 'signal'>,
  memory: MemoryReservations = reservations,
): Promise<Reservation> {
  const { contextLength, kvCacheBytes, cpuKernel, ignoreMemory = loadDefaults.ignoreMemory, signal } = options
  const all = [models.definition, ...(models.draft ? [models.draft] : [])]
  const sum = (of: (model: ModelDefinition) => number) => all.reduce((total, model) => total + of(model), 0)
  const asked = sum((model) => Math.max(kvCacheBytes ?? 0, 4 * (model.kvValuesPerToken ?? 0) * (contextLength ?? 0)))
  const bound = sum(({ weightsBytes }) => weightsBytes) * most.times + asked + most.plus
  const exact = async (until: AbortSignal | undefined) => {
    // Unless a context was asked for, a few tokens will do: keys and values take memory only as they are used.
    const least = { contextLength: contextLength ?? 1, cpuKernel, signal: until }
    const needs = await needsOf(models, device, least)
    return { ...needs, kvCache: kvCacheBytes ?? needs.kvCache }
  }
  if (ignoreMemory || bound < memory.free) return memory.reserve(bound, async () => leastOf(await exact(undefined)))
  const [needs] = await Promise.all([exact(signal), memory.refine()])
  signal?.throwIfAborted()
  // Nothing is awaited from here on: of two loads that ask at once, the second must see what the first has reserved.
  const needed = leastOf(needs)
  const { free, reserved } = memory
  if (needed <= free) return memory.reserve(needed)
  const { weights, kvCache, activations, runtime } = needs
  const others = reserved === 0 ? '' : `, beside ${gigabytes(reserved)} that other loads have reserved`
  throw new LLMError(
    'ERR_OUT_OF_MEMORY',
    `${all.map(({ folder }) => folder).join(' and ')}: needs about ${gigabytes(needed)} of memory (weights ${gigabytes(weights.packed)}, ` +
      `KV cache ${gigabytes(kvCache)}, the rest ${gigabytes(activations + runtime)}), and ${gigabytes(free)} are available${others}; ` +
      'ignoreMemory: true loads it nevertheless',
  )
}

/** What a load cannot do without; pages of the file come back as they are read. */
const leastOf = ({ weights, kvCache, activations, runtime }: Omit<MemoryNeeds, 'total'>): number =>
  weights.packed + kvCache + activations + runtime
