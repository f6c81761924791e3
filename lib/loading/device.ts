import { type ChosenDevice, chooseAfter, chooseDevice } from '../devices/choose.js'
import { readCores, threadProperties } from '../devices/cores.js'
import { devices } from '../devices/list.js'
import { kvPrecisionOf, type Properties, propertyLines, withOptions } from '../devices/properties.js'
import { autoDevice, autoKind, type DeviceKind, deviceKind } from '../devices/table.js'
import { kvValueBytes } from '../memory/kv-cache.js'
import type { ModelDefinition } from '../model/definition.js'
import { type LoadOptions, loadDefaults } from '../options/load.js'

/** The device of a load, settled: the later steps ask this, and neither the options nor the device's name. */
export interface SettledDevice {
  /** OpenVINO device string, e.g. `GPU.1`. */
  name: string
  /** Why this device, or '' when the caller named it. */
  reason: string
  /** What devices of this kind can do, and the defaults there. */
  kind: DeviceKind
  /** Properties that the caller asked for, by option or by OpenVINO's name. */
  asked: Properties
  /** Properties to compile with: `asked` over the defaults of this kind of device. */
  properties: Properties
  /** Precision of the KV cache: the one that was asked for, or the default of this kind of device. */
  kvPrecision: string
}

type DeviceOptions = Pick<
  LoadOptions,
  'device' | 'contextLength' | 'ovConfig' | 'kvCachePrecision' | 'precision' | 'threads' | 'reserveCore' | 'signal'
>

/**
 * Checks what can be checked before the model is read, so that misuse is reported before a long conversion.
 * @throws TypeError for options that contradict each other or the device; LLMError `ERR_DEVICE` for a string that names no device
 */
export function checkDeviceOptions(options: LoadOptions): void {
  const { device = loadDefaults.device, maxPromptLength, minResponseLength, threads, reserveCore } = options
  propertyLines(withOptions(options.ovConfig ?? {}, options))
  if (threads !== undefined && reserveCore) {
    throw new TypeError('expected threads or reserveCore, received both; threads alone says how many')
  }
  if (device === autoDevice) return
  if (!deviceKind(device).staticShapes && (maxPromptLength ?? minResponseLength) !== undefined) {
    throw new TypeError(
      `expected maxPromptLength and minResponseLength with a device that is compiled for them, such as NPU, received ${device}`,
    )
  }
}

/**
 * Settles the device and its properties. Options must have been checked.
 * @param free bytes of memory that the load can have
 * @throws LLMError `ERR_DEVICE`; `signal.reason` when aborted
 */
export async function settleDevice(
  options: DeviceOptions,
  definition: ModelDefinition,
  free: number,
): Promise<SettledDevice> {
  const asked = withOptions(options.ovConfig ?? {}, options)
  return settled(options, asked, await chosen(options, asked, definition, free))
}

/** Where a load of AUTO goes on when opening the model on `device` failed; undefined when the failure stands. */
export function settleAfter(device: SettledDevice, error: unknown, options: DeviceOptions): SettledDevice | undefined {
  if (options.device !== autoDevice) return undefined
  const next = chooseAfter({ device: device.name, reason: device.reason }, error)
  return next && settled(options, device.asked, next)
}

function settled(options: DeviceOptions, asked: Properties, { device: name, reason }: ChosenDevice): SettledDevice {
  const kind = deviceKind(name)
  const threads = kind.usesCores ? threadProperties(readCores(), options) : {}
  return {
    name,
    reason,
    kind,
    asked,
    properties: { ...kind.properties, ...threads, ...asked },
    kvPrecision: kvPrecisionOf(asked, kind),
  }
}

/** The device that was asked for; for AUTO the one that {@link chooseDevice} takes. */
async function chosen(
  options: DeviceOptions,
  asked: Properties,
  { weightsBytes, kvValuesPerToken, contextLength }: ModelDefinition,
  free: number,
): Promise<ChosenDevice> {
  const { device = loadDefaults.device, signal } = options
  if (device !== autoDevice) return { device, reason: '' }
  const tokens = Math.min(options.contextLength ?? contextLength, contextLength)
  const needed = weightsBytes + (kvValuesPerToken ?? 0) * kvValueBytes(kvPrecisionOf(asked, autoKind)) * tokens
  const choice = chooseDevice(await devices({ signal }), needed, free)
  return { ...choice, reason: `option device AUTO: ${choice.reason}` }
}
