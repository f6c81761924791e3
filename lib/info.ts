import type { ModelDefinition } from './model/definition.js'
import type { ReadyInfo } from './native/addon.js'
import { loadAddon } from './native/load.js'
import { packageVersion } from './version.js'

/** What is known of a loaded model: `llm.info`. */
export interface ModelInfo {
  /** What was loaded: a folder, or a GGUF file and the folder it was converted into. */
  source: { kind: 'folder' | 'gguf'; path: string }
  folder: string
  /** `model_type` of config.json. */
  modelType: string
  /** Positions that prompt and answer share. */
  contextLength: number
  /** Why the context is not what config.json says, or ''. */
  contextReason: string
  /** Token ids are below this. */
  vocabularySize: number
  /** Bytes of the model's constants by element type, e.g. `{ u4: 53084160, … }`. */
  weights: Record<string, number>
  /** What exporter and weight compressor wrote into the model, e.g. `nncf/weight_compression/mode`, `optimum/transformers_version`. */
  exporter: Record<string, string>
  /** The device that was asked for. */
  device: string
  /** The devices that execute the model. */
  devices: string[]
  runner: string
  /** Why this runner. */
  runnerReason: string
  /** Precision that the device computes in and keeps the KV cache in, e.g. `f32` and `u8`. */
  precision: { inference: string; kvCache: string }
  /** Every readable property of the compiled model, as OpenVINO reports it. */
  properties: Record<string, string>
  versions: { package: string; openvino: string; node: string }
  /** Token ids that end an answer, by the model's files. */
  stopTokenIds: number[]
  /** Their texts, and stop words of generation_config.json. */
  stopWords: string[]
  /** Bytes. `weights` lie in the memory-mapped file; `resident` is the whole process, now. */
  memory: { weights: number; resident: number }
  /** Milliseconds: reading, compiling, warming up. */
  timings: { read: number; compile: number; warmup: number }
}

/** What `LLM.load` puts together from the model's files and from what the engine found. */
export interface InfoParts {
  definition: ModelDefinition
  device: string
  ready: ReadyInfo
  context: { length: number; reason: string }
  stopTokenIds: number[]
  stopWords: string[]
}

export function modelInfo({ definition, device, ready, context, stopTokenIds, stopWords }: InfoParts): ModelInfo {
  const { properties } = ready
  return {
    source: definition.source,
    folder: definition.folder,
    modelType: definition.modelType,
    contextLength: context.length,
    contextReason: context.reason,
    vocabularySize: ready.vocabularySize,
    weights: ready.weights,
    exporter: ready.rtInfo,
    device,
    devices: ready.devices,
    runner: ready.runner,
    runnerReason: ready.reason,
    precision: {
      inference: properties['INFERENCE_PRECISION_HINT'] ?? 'unknown',
      kvCache: properties['KV_CACHE_PRECISION'] ?? 'unknown',
    },
    properties,
    versions: { package: packageVersion, openvino: loadAddon().buildInfo().openvino, node: process.versions.node },
    stopTokenIds,
    stopWords,
    memory: { weights: definition.weightsBytes, resident: process.memoryUsage.rss() },
    timings: ready.timings,
  }
}
