import { loadAddon } from './addon/load.js'
import type { Health } from './engine/health.js'
import type { Residency } from './engine/resident.js'
import type { OpenedModel } from './loading/open-model.js'
import { exporterDoubt } from './model/exporter.js'
import { type Verdict, verdictFor } from './model/verdict.js'
import type { ModelYaml } from './model-yaml/settings.js'
import { type DefaultsLayer, describeDefaults, type GenerationDefaults } from './options/defaults.js'
import type { LoadSettings } from './options/load-settings.js'
import type { ReasoningParser } from './options/reasoning.js'
import type { ToolCallParser } from './options/tools.js'
import { reasoningIn } from './output/formats/reasoning.js'
import { callsIn } from './output/formats/tool-calls.js'
import { tokenText } from './text/tokenizer/token-table.js'
import { packageVersion } from './version.js'

/** What a model.yaml is, beside what it sets. */
export interface ModelYamlInfo {
  /** Path or URL. */
  file: string
  name: string
  /** Another name that the model is served under, or ''. */
  alias: string
  description: string
  usage: string
  /** Whether it changes whole answers (`cutstrings`, …), so that they cannot be streamed. */
  rewrites: boolean
  /** Seconds after which a caller that was turned away may ask again; null when it does not say. */
  retryAfterSeconds: number | null
}

/** What a chat template knows. */
export interface ChatInfo {
  /** How the model marks what it thinks, or `none`. */
  reasoning: Exclude<ReasoningParser, 'auto'>
  /** How it writes tool calls; null when that is not known. */
  toolCalls: Exclude<ToolCallParser, 'auto'> | null
}

/** What is known of a loaded model: `llm.info`. */
export interface ModelInfo {
  /** What was loaded: a folder, or a GGUF file and the folder it was converted into. */
  source: { kind: 'folder' | 'gguf'; path: string }
  /** As the caller named it. */
  reference: string
  /** The repository that the model came from, and which of its commits; null for one of this machine. */
  hub: { repo: string; commit: string } | null
  /** The model.yaml that was named; else null. */
  modelYaml: ModelYamlInfo | null
  folder: string
  /** `model_type` of config.json. */
  modelType: string
  /** Positions that prompt and answer share. */
  contextLength: number
  /** What the chat template knows; null without one. */
  chat: ChatInfo | null
  /** Why the context is not what config.json says, or ''. */
  contextReason: string
  /**
   * Of a graph that chooses between short and long LongRoPE factors: up to how many tokens a sequence gets the short ones, and which are
   * used (see `LoadOptions.ropeRegime`; `short` also where the device leaves no choice); else null.
   */
  longRope: { original: number; regime: 'auto' | 'short' | 'long' } | null
  /** Token ids are below this. */
  vocabularySize: number
  /** Bytes of the model's constants by element type, e.g. `{ u4: 53084160, … }`. */
  weights: Record<string, number>
  /** What exporter and weight compressor wrote into the model, e.g. `nncf/weight_compression/mode`, `optimum/transformers_version`. */
  exporter: Record<string, string>
  /** Why to run `openvino-llm check` on the model: it was exported with versions that were not tested. '' when there is no reason. */
  exporterDoubt: string
  /** Positions that one prompt may have; less than `contextLength` on devices with fixed lengths. */
  maxPromptLength: number
  /** The device that the model was loaded for, and why this one where that was not asked for by name, or ''. */
  device: string
  deviceReason: string
  /** The devices that execute the model. */
  devices: string[]
  /** Whether the model is in memory; an idle one is unloaded after `unloadAfter`. What is said here of the engine is then of the last one. */
  residency: Residency
  /** Whether its engine works, and if not, why and when it is tried again. */
  health: Health
  /** What computes: `paged` or `stateful`. */
  runner: string
  /** Why this runner. */
  runnerReason: string
  /** Answers that are computed at once. */
  maxSequences: number
  /**
   * Which of them share the work of a step: `all`; `equal`, those of equal length, such as several answers to one prompt; or `none`, so
   * that each takes as long as alone.
   */
  batching: string
  /** Why not all, or ''. */
  batchingReason: string
  /** Whether prompt lookup works. */
  canDraft: boolean
  /** Whether beam search works, and several answers to a prompt compute it once: one sequence can go on as several. */
  canFork: boolean
  /** Folder of the draft model, or ''. */
  draftModel: string
  /**
   * The KV cache of all requests together: bytes reserved, which take memory as they are used, and how many tokens that is; all 0 with the
   * stateful runner, whose sequences have a state each. `blockTokens` is the grain in which beginnings of prompts are shared.
   */
  kvCache: { bytes: number; tokens: number; blockTokens: number; precision: string }
  /** What the check that is stored with the folder found; null when there is none for this OpenVINO. */
  verdict: Verdict | null
  /** Precision that the device computes in and keeps the KV cache in, e.g. `f32` and `u8`. */
  precision: { inference: string; kvCache: string }
  /** Every readable property of the compiled model, as OpenVINO reports it. */
  properties: Record<string, string>
  versions: { package: string; openvino: string; node: string }
  /** Token ids that end an answer, by the model's files. */
  stopTokenIds: number[]
  /** Their texts, and stop words of generation_config.json and model.yaml. */
  stopWords: string[]
  /**
   * What a request has that sets nothing: the value of each option, and who set it (`LoadOptions.defaults`, `model.yaml`, a file of the model, or
   * `built-in`). Options that have no value then, such as `seed`, are absent.
   */
  generationDefaults: GenerationDefaults
  /** What the model was loaded with: the value of each option, and who set it (`LoadOptions`, `model.yaml` or `built-in`). */
  loadSettings: LoadSettings
  /** Bytes. `weights` lie in the memory-mapped file; `resident` is the whole process, now. */
  memory: { weights: number; resident: number }
  /**
   * What multiplies with the weights of each scheme, and why; `scheme` '' are layers that no built-in kernel takes. CPU only. Where this load
   * measured, `ratios` says how many times quicker the built-in kernel was with 1, 8 and 128 rows of activations, `spread` how far the
   * repetitions lay apart, as a part of that, and `inDoubt` whether they lay too far apart to decide, or were too few. `size` says which layers
   * the measurement holds for.
   */
  kernels: {
    scheme: string
    size: string
    layers: number
    kernel: string
    ratios: number[]
    spread: number
    inDoubt: boolean
    reason: string
  }[]
  /** What computes attention, `openvino` or a built-in kernel, for how many layers, and why. Only the paged engine on CPU. */
  attention: { kernel: string; layers: number; reason: string }[]
  /**
   * The weights that built-in kernels have packed: their bytes, 0 when there are none; the file that they lie in (see
   * `LoadOptions.packedCacheBytes`), '' for memory of this process; and whether it was there before, so that nothing was packed.
   */
  packed: { bytes: number; file: string; reused: boolean }
  /** Milliseconds: reading, choosing kernels and packing weights, compiling, warming up as far as it came before the model was ready. */
  timings: { read: number; pack: number; compile: number; warmup: number }
}

/**
 * @param stopTokenIds of all files of the model together
 * @param defaults of requests, the strongest first
 */
export function modelInfo(
  opened: OpenedModel,
  stopTokenIds: readonly number[],
  defaults: readonly DefaultsLayer[],
): ModelInfo {
  const { definition, draft, device, engine, text, context, runnerReason, resolved, settings } = opened
  const { yaml } = resolved
  const ready = engine.info
  const { properties } = ready
  const { openvino } = loadAddon().buildInfo()
  // What the tensors are made of is surer than what a property says.
  const kvPrecision = ready.kvCache.precision || (properties['KV_CACHE_PRECISION'] ?? 'unknown')
  const verdict = verdictFor(definition, openvino) ?? null
  return {
    source: definition.source,
    reference: resolved.reference,
    hub: resolved.hub ?? null,
    modelYaml: yaml ? yamlInfo(yaml) : null,
    folder: definition.folder,
    modelType: definition.modelType,
    contextLength: context.length,
    contextReason: context.reason,
    chat: chatInfo(text),
    longRope: ready.ropeRegime === 'none' ? null : { original: ready.longRopeBorder, regime: ready.ropeRegime },
    vocabularySize: ready.vocabularySize,
    weights: ready.weights,
    exporter: ready.rtInfo,
    exporterDoubt: verdict ? '' : exporterDoubt(ready.rtInfo),
    maxPromptLength: ready.maxPrompt || context.length,
    device: device.name,
    deviceReason: device.reason,
    devices: ready.devices,
    residency: engine.residency,
    health: engine.health,
    runner: ready.runner,
    runnerReason,
    maxSequences: ready.maxSequences,
    batching: ready.batching,
    batchingReason: ready.batchingReason,
    canDraft: ready.canDraft,
    canFork: ready.canFork,
    draftModel: draft?.folder ?? '',
    kvCache: { ...ready.kvCache, precision: kvPrecision },
    verdict,
    precision: {
      inference: properties['INFERENCE_PRECISION_HINT'] ?? 'unknown',
      kvCache: kvPrecision,
    },
    properties,
    versions: { package: packageVersion, openvino, node: process.versions.node },
    stopTokenIds: [...stopTokenIds],
    stopWords: [...stopTokenIds.map((id) => tokenText(text.tokens, id)), ...definition.stopStrings],
    generationDefaults: describeDefaults(defaults),
    loadSettings: settings,
    memory: { weights: definition.weightsBytes, resident: process.memoryUsage.rss() },
    kernels: ready.kernels,
    attention: ready.attention,
    packed: ready.packed,
    timings: ready.timings,
  }
}

function chatInfo(text: OpenedModel['text']): ChatInfo | null {
  const template = text.templateOf({ tools: [] })
  return template === undefined ? null : { reasoning: reasoningIn(template), toolCalls: callsIn(template) ?? null }
}

function yamlInfo({ file, name, alias, description, usage, rewrite, retryAfterSeconds }: ModelYaml): ModelYamlInfo {
  const rewrites = rewrite !== undefined
  return { file, name, alias, description, usage, rewrites, retryAfterSeconds: retryAfterSeconds ?? null }
}
