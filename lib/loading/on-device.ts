import { loadAddon } from '../addon/load.js'
import type { Engine } from '../engine/engine.js'
import type { MemoryReservations } from '../memory/reservation.js'
import type { LoadOptions } from '../options/load.js'
import type { Warn } from '../warnings.js'
import type { Definitions } from './definition.js'
import { type SettledDevice, settleAfter } from './device.js'
import { engineOpener, type OpenEngine } from './engine.js'
import { reserveMemory } from './memory.js'
import { chooseRunner } from './runner.js'

/** A load whose device is settled. */
export interface OnDevice {
  device: SettledDevice
  /** Why this runner, where this package decided it; '' leaves the reason to the addon. */
  reason: string
  /** Opens the engine on that device, with its memory reserved meanwhile. */
  open: OpenEngine
}

/** What does not change with the device. */
export interface LoadParts {
  models: Definitions
  options: LoadOptions
  warn: Warn
  memory: MemoryReservations
}

/**
 * Chooses what runs the model on a device.
 * @throws those of `chooseRunner` and `engineOpener`
 */
export async function onDevice(device: SettledDevice, parts: LoadParts): Promise<OnDevice> {
  const { models, options, warn, memory } = parts
  const { runner, reason } = chooseRunner(options, device, models.definition, loadAddon().buildInfo().openvino, warn)
  const openEngine = await engineOpener(options, { ...models, device, runner, free: memory.free }, warn)
  const open: OpenEngine = async (until) => {
    const reserved = await reserveMemory(models, device, { ...options, signal: until }, memory)
    try {
      return await openEngine(until)
    } finally {
      reserved.release()
    }
  }
  return { device, reason, open }
}

/**
 * Opens the engine for the first time. When AUTO chose the device and the model cannot be opened there, that is a warning, and the load
 * goes on where {@link settleAfter} says. Later it is opened on the device of the first time.
 */
export async function openFirst(first: OnDevice, parts: LoadParts): Promise<OnDevice & { engine: Engine }> {
  const { options, warn } = parts
  try {
    return { ...first, engine: await first.open(options.signal) }
  } catch (error) {
    const next = settleAfter(first.device, error, options)
    if (!next) throw error
    warn('device', next.reason)
    const other = await onDevice(next, parts)
    return { ...other, engine: await other.open(options.signal) }
  }
}
