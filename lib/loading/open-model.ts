import { loadAddon } from '../addon/load.js'
import { cacheRoot } from '../cache/folder.js'
import { KernelChoices } from '../cache/kernel-choices.js'
import { PackedCache } from '../cache/packed-weights.js'
import type { ChosenDevice } from '../devices/choose.js'
import { precisionFallback } from '../devices/precision-fallback.js'
import { refusedPrecisions } from '../devices/properties.js'
import type { EngineConfig } from '../engine/boundary.js'
import { Engine } from '../engine/engine.js'
import { ResidentEngine } from '../engine/resident.js'
import { LLMError } from '../errors.js'
import { availableMemory } from '../memory/available.js'
import type { ModelDefinition } from '../model/definition.js'
import { loadModel } from '../model/load-model.js'
import { activationQuantization, activationSpan } from '../options/kernels.js'
import type { LoadOptions } from '../options/load.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'
import { TextWorker } from '../text/worker/text-worker.js'
import type { Warn } from '../warnings.js'
import { type Context, contextOf } from './context.js'
import { checkDeviceOptions, settleDevice } from './device.js'
import { requireMemory } from './memory.js'
import { chooseRunner } from './runner.js'

/** A model that is ready: what its files say, the engine that computes it, and its tokenizer. */
export interface OpenedModel {
  definition: ModelDefinition
  engine: ResidentEngine
  text: TextWorker
  /** The device, and why this one unless it was named. */
  device: ChosenDevice
  /** Why this runner. */
  runnerReason: string
  /** Positions that prompt and answer share, and why not more. */
  context: Context
  /** Folder of the draft model, or ''. */
  draftModel: string
}

/** Answers that are computed at once unless an option says otherwise: decoding 16 costs little more than decoding one. */
const defaultSequences = 16
/** Tokens that a draft model guesses for a step. */
const draftTokens = 5
/** Numbers of tokens that are computed while loading: kernels are made per size, no request shall pay for that, and guessing needs the costs. */
const warmupSizes = [1, 4, 16]

/** Reads, compiles and warms up; when any part fails, the others are closed. Options must have been checked. */
export async function openModel(model: string | URL, options: LoadOptions, warn: Warn): Promise<OpenedModel> {
  const { signal, onProgress } = options
  signal?.throwIfAborted()
  checkDeviceOptions(options)
  const definition = await loadModel(model, { signal, onProgress })
  const draft =
    options.draftModel === undefined ? undefined : await loadModel(options.draftModel, { signal, onProgress })
  const build = loadAddon().buildInfo()
  const { chosen, kind, asked, config: byDevice } = await settleDevice(options, definition, build.openvino)
  const { device, properties } = byDevice
  const choice = chooseRunner({ ...options, device }, kind, definition, build.openvino, warn)
  if (!options.ignoreMemory) await requireMemory(definition, { ...options, device }, availableMemory(), draft)
  const span = activationSpan(activationQuantization(options.activationQuantization, asked))
  const kernelChoices = new KernelChoices(cacheRoot(), build, { properties, activationSpan: span })
  const packedCache = new PackedCache(cacheRoot(), build)
  const keepsPacked = definition.weightsBytes <= (options.packedCacheBytes ?? 0)
  const config: Omit<EngineConfig, 'kernelChoices' | 'packedPath'> = {
    runner: choice.runner,
    modelPath: definition.modelPath,
    ...byDevice,
    precisionFallback: precisionFallback(asked),
    ropeRegime: options.ropeRegime ?? 'auto',
    maxSequences: options.maxSequences ?? defaultSequences,
    draftModelPath: draft?.modelPath ?? '',
    draftTokens: draft ? draftTokens : 0,
    cpuKernel: options.cpuKernel ?? 'auto',
    activationSpan: span,
    warmup: Int32Array.from(warmupSizes.filter((size) => size < (byDevice.maxPrompt || definition.contextLength))),
    script: new Int32Array(0),
    scriptNumbers: new Int32Array(0),
  }
  const openEngine = async (until: AbortSignal | undefined) => {
    const listeners = { signal: until, onProgress, onWarning: warn }
    const packedPath = keepsPacked ? await packedCache.pathFor(definition) : ''
    const engine = await Engine.start({ ...config, kernelChoices: await kernelChoices.read(), packedPath }, listeners)
    await kernelChoices.add(engine.info.kernels)
    await packedCache.used(engine.info.packed)
    return engine
  }
  const text = TextWorker.open(definition.text, signal ? { signal } : {})
  const start = async () => {
    // Before the engine, which takes long.
    if (draft) await requireSameVocabulary(await text, draft, signal)
    return await openEngine(signal)
  }
  const opening = [start(), text] as const
  try {
    const [engine] = await Promise.all(opening)
    const context = contextOf(definition, engine.info, options)
    const runnerReason = choice.reason === '' ? engine.info.reason : choice.reason
    for (const words of refusedPrecisions(asked, engine.info)) warn('precision', words)
    const resident = new ResidentEngine(engine, {
      model: definition.folder,
      unloadAfter: options.unloadAfter,
      async open(closing) {
        if (!options.ignoreMemory)
          await requireMemory(definition, { ...options, device, signal: closing }, availableMemory(), draft)
        return await openEngine(closing)
      },
    })
    return {
      definition,
      engine: resident,
      text: await text,
      device: chosen,
      context,
      runnerReason,
      draftModel: draft?.folder ?? '',
    }
  } catch (error) {
    for (const part of opening) part.then((opened) => opened.close()).catch(() => {})
    throw error
  }
}

/** What a draft model says is token ids: they must mean the same to both models. */
async function requireSameVocabulary(
  text: TextWorker,
  draft: ModelDefinition,
  signal: AbortSignal | undefined,
): Promise<void> {
  const other = await TextWorker.open(draft.text, signal ? { signal } : {})
  await other.close()
  const [ours, theirs] = [text.tokens, other.tokens]
  const difference =
    ours.size !== theirs.size ? `it has ${theirs.size} tokens, the model ${ours.size}` : firstDifference(ours, theirs)
  if (difference === '') return
  throw new LLMError(
    'ERR_UNSUPPORTED_MODEL',
    `option draftModel: ${draft.text.tokenizerPath}: expected the model's own vocabulary, but ${difference}`,
  )
}

function firstDifference(ours: TokenTable, theirs: TokenTable): string {
  const bytes = ({ bytes, offsets }: TokenTable, id: number) => bytes.subarray(offsets[id], offsets[id + 1])
  for (let id = 0; id < ours.size; id++) {
    if (Buffer.compare(bytes(ours, id), bytes(theirs, id)) !== 0) return `token ${id} is another one`
  }
  return ''
}
