import { deviceFeatures } from '../devices/features.js'
import { precisionFallback } from '../devices/precision-fallback.js'
import { prefillChunk } from '../devices/prefill-chunk.js'
import { propertyLines } from '../devices/properties.js'
import { staticShapes } from '../devices/static-shapes.js'
import { warmupSizes } from '../devices/warmup-sizes.js'
import type { EngineConfig } from '../engine/boundary.js'
import { kvCacheSize } from '../memory/kv-cache.js'
import { activationQuantization, activationSpan } from '../options/kernels.js'
import { type LoadOptions, loadDefaults } from '../options/load.js'
import type { Definitions } from './definition.js'
import type { SettledDevice } from './device.js'
import type { RunnerChoice } from './runner.js'

/** Tokens that a draft model guesses for a step. */
const draftTokens = 5

/** What the steps before have settled. */
export interface EngineParts extends Definitions {
  device: SettledDevice
  runner: RunnerChoice['runner']
  /** Bytes of memory that the load can have. */
  free: number
  /** Folder for models that OpenVINO has compiled; undefined when none are kept. */
  compiledFolder: string | undefined
}

/**
 * The engine's whole configuration, but for what the caches hold: `kernelChoices`, `packedPath` and `graphPath` are empty.
 * @throws LLMError `ERR_CONTEXT_LENGTH` when a device with static shapes is asked for more than the model's context
 */
export function engineConfig(options: LoadOptions, parts: EngineParts): EngineConfig {
  const { definition, draft, device, runner, free, compiledFolder } = parts
  const { kind, asked } = device
  const { weightsBytes, kvValuesPerToken, longRopeBorder } = definition
  const most = (options.ropeRegime === 'short' && longRopeBorder) || definition.contextLength
  const contextLength = Math.min(options.contextLength ?? most, most)
  const { maxPrompt, minResponse } = kind.staticShapes ? staticShapes(options, most) : { maxPrompt: 0, minResponse: 0 }
  const chunk = prefillChunk(kind, weightsBytes, 'paged')
  const maxSequences = options.maxSequences ?? loadDefaults.maxSequences
  const kept = compiledFolder === undefined ? {} : { CACHE_DIR: compiledFolder }
  return {
    ...plainConfig,
    runner,
    modelPath: definition.modelPath,
    device: deviceFeatures(device.name, asked),
    properties: propertyLines({ ...kept, ...device.properties }),
    precisionFallback: precisionFallback(asked),
    gatherRows: kind.gatherRows,
    ropeRegime: options.ropeRegime ?? loadDefaults.ropeRegime,
    contextLength,
    prefillChunk: chunk,
    statefulChunk: prefillChunk(kind, weightsBytes, 'stateful'),
    maxSequences,
    ...kvCacheSize({
      kvCacheBytes: options.kvCacheBytes,
      contextLength,
      valuesPerToken: kvValuesPerToken,
      precision: device.kvPrecision,
      weightsBytes,
      available: free,
      lazy: kind.lazyKvCache,
    }),
    maxPrompt,
    minResponse,
    draftModelPath: draft?.modelPath ?? '',
    draftTokens: draft ? draftTokens : 0,
    cpuKernel: options.cpuKernel ?? loadDefaults.cpuKernel,
    cpuAttention: options.cpuAttention ?? loadDefaults.cpuAttention,
    activationSpan: activationSpan(activationQuantization(options.activationQuantization, asked)),
    warmup: Int32Array.from(
      warmupSizes(kind, { runner, chunk, maxSequences, limit: maxPrompt || definition.contextLength }),
    ),
  }
}

/**
 * A configuration of any model with everything optional left out: no properties, no draft model, no built-in kernels, no caches, no
 * warm-up, one sequence with a KV cache of 4,096 tokens. Benchmarks and tests, which decide for themselves, spread it and replace what
 * they need: at least `runner`, and `modelPath` and `device` or `script` and `scriptNumbers`.
 */
export const plainConfig: Readonly<EngineConfig> = {
  runner: 'auto',
  modelPath: '',
  device: deviceFeatures(loadDefaults.device),
  properties: [],
  precisionFallback: [],
  gatherRows: true,
  ropeRegime: 'auto',
  contextLength: 256,
  prefillChunk: 64,
  statefulChunk: 64,
  maxSequences: 1,
  kvTokens: 4096,
  kvBytes: Number.POSITIVE_INFINITY,
  maxPrompt: 0,
  minResponse: 0,
  draftModelPath: '',
  draftTokens: 0,
  cpuKernel: 'openvino',
  cpuAttention: 'openvino',
  activationSpan: 0,
  kernelChoices: [],
  packedPath: '',
  graphPath: '',
  warmup: new Int32Array(0),
  script: new Int32Array(0),
  scriptNumbers: new Int32Array(0),
}
