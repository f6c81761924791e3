import { refusedPrecisions } from '../devices/properties.js'
import { ResidentEngine } from '../engine/resident.js'
import { type MemoryReservations, reservations } from '../memory/reservation.js'
import type { LoadOptions } from '../options/load.js'
import { describeLoad, type LoadSettings } from '../options/load-settings.js'
import type { ResolvedModel } from '../references/resolve.js'
import { TextWorker } from '../text/worker/text-worker.js'
import type { Warn } from '../warnings.js'
import { type Context, contextOf } from './context.js'
import { type Definitions, readDefinitions } from './definition.js'
import { checkDeviceOptions, type SettledDevice, settleDevice } from './device.js'
import { requireSameVocabulary } from './draft-vocabulary.js'
import { type LoadParts, onDevice, openFirst } from './on-device.js'

/** A model that is ready: what its files say, the engine that computes it, and its tokenizer. */
export interface OpenedModel extends Definitions {
  device: SettledDevice
  engine: ResidentEngine
  text: TextWorker
  /** Why this runner. */
  runnerReason: string
  /** Positions that prompt and answer share, and why not more. */
  context: Context
  /** The reference, followed. */
  resolved: ResolvedModel
  /** The caller's options over those of a model.yaml. */
  options: LoadOptions
  /** The same with who said what. */
  settings: LoadSettings
}

/** Ends running requests with `ERR_CLOSED`; resolves when the memory is free. */
export async function closeModel({ engine, text }: Pick<OpenedModel, 'engine' | 'text'>): Promise<void> {
  await Promise.all([engine.close(), text.close()])
}

/**
 * Loads a model: reference → definition → device → runner → memory → engine, and the tokenizer beside. When any part fails, the others
 * are closed. Options must have been checked.
 * @param memory of the process unless a test says otherwise
 */
export async function openModel(
  model: string | URL,
  given: LoadOptions,
  warn: Warn,
  memory: MemoryReservations = reservations,
): Promise<OpenedModel> {
  const { signal } = given
  signal?.throwIfAborted()
  checkDeviceOptions(given)
  const { resolved, options, ...models } = await readDefinitions(model, given, warn)
  const { definition, draft } = models
  if (resolved.yaml) checkDeviceOptions(options)
  const parts: LoadParts = { models, options, warn, memory }

  // Its thread begins while the main thread settles the rest.
  const text = TextWorker.open(definition.text, signal ? { signal } : {})
  const start = async () => {
    const first = await onDevice(await settleDevice(options, definition, memory.free), parts)
    // Before the engine, which takes long.
    if (draft) await requireSameVocabulary(await text, draft, signal)
    const opened = await openFirst(first, parts)
    return { ...opened, close: () => opened.engine.close() }
  }
  const opening = [start(), text] as const
  try {
    const [{ device, reason, open, engine }] = await Promise.all(opening)
    const context = contextOf(definition, engine.info, options)
    for (const words of refusedPrecisions(device.asked, engine.info)) warn('precision', words)
    return {
      ...models,
      resolved,
      options,
      settings: describeLoad(given, resolved.yaml?.load ?? {}),
      device,
      engine: new ResidentEngine(engine, { model: definition.folder, unloadAfter: options.unloadAfter, open }),
      text: await text,
      runnerReason: reason === '' ? engine.info.reason : reason,
      context,
    }
  } catch (error) {
    for (const part of opening) part.then((opened) => opened.close()).catch(() => {})
    throw error
  }
}
