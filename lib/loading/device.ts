import { compiledFolder } from '../cache/compiled.js'
import { type ChosenDevice, chooseDevice } from '../devices/choose.js'
import { readCores, threadProperties } from '../devices/cores.js'
import { devices } from '../devices/list.js'
import { prefillChunk } from '../devices/prefill-chunk.js'
import { kvPrecisionOf, ownCache, type Properties, propertyLines, withOptions } from '../devices/properties.js'
import { staticShapes } from '../devices/static-shapes.js'
import { autoDevice, type DeviceKind, defaultDevice, deviceKind } from '../devices/table.js'
import type { EngineConfig } from '../engine/boundary.js'
import { availableMemory } from '../memory/available.js'
import { kvCacheSize, kvValueBytes } from '../memory/kv-cache.js'
import type { ModelDefinition } from '../model/definition.js'
import type { LoadOptions } from '../options/load.js'

/** What a model is loaded with on its device. */
export interface DeviceSettings {
  chosen: ChosenDevice
  kind: DeviceKind
  /** Properties that were asked for, by option or by name. */
  asked: Properties
  /** The part of the engine's configuration that depends on the device. */
  config: Pick<
    EngineConfig,
    | 'device'
    | 'properties'
    | 'gatherRows'
    | 'prefillChunk'
    | 'statefulChunk'
    | 'kvTokens'
    | 'kvBytes'
    | 'maxPrompt'
    | 'minResponse'
  >
}

/** Checks of options that need no model, so that misuse is said before a long conversion. */
export function checkDeviceOptions(options: LoadOptions): void {
  const { device = defaultDevice, maxPromptLength, minResponseLength, threads, reserveCore } = options
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
 * The device and everything that depends on it. Options must have been checked.
 * @throws LLMError `ERR_DEVICE`, `ERR_CONTEXT_LENGTH`, `ERR_CACHE`
 */
export async function settleDevice(
  options: LoadOptions,
  definition: ModelDefinition,
  openvino: string,
): Promise<DeviceSettings> {
  const { weightsBytes, kvValuesPerToken, longRopeBorder } = definition
  const most = (options.ropeRegime === 'short' && longRopeBorder) || definition.contextLength
  const contextLength = Math.min(options.contextLength ?? most, most)
  const asked = withOptions(options.ovConfig ?? {}, options)
  const available = availableMemory()
  const chosen = await resolveDevice(options, definition, available)
  const kind = deviceKind(chosen.device)
  const byDefault: Properties = {
    ...kind.properties,
    ...(kind.usesCores ? threadProperties(readCores(), options) : {}),
    ...(kind.cachesModels && !ownCache(asked) ? { CACHE_DIR: await compiledFolder(definition, openvino) } : {}),
  }
  const { maxPrompt, minResponse } = kind.staticShapes ? staticShapes(options, most) : { maxPrompt: 0, minResponse: 0 }
  return {
    chosen,
    kind,
    asked,
    config: {
      device: chosen.device,
      properties: propertyLines({ ...byDefault, ...asked }),
      gatherRows: kind.gatherRows,
      prefillChunk: prefillChunk(kind, weightsBytes, 'paged'),
      statefulChunk: prefillChunk(kind, weightsBytes, 'stateful'),
      ...kvCacheSize({
        kvCacheBytes: options.kvCacheBytes,
        contextLength,
        valuesPerToken: kvValuesPerToken,
        precision: kvPrecisionOf(asked, kind.kvPrecision),
        weightsBytes,
        available,
        lazy: kind.lazyKvCache,
      }),
      maxPrompt,
      minResponse,
    },
  }
}

/** The device that is asked for; for AUTO the one that {@link chooseDevice} takes, with the reason. */
export async function resolveDevice(
  options: Pick<LoadOptions, 'device' | 'contextLength' | 'ovConfig' | 'kvCachePrecision' | 'signal'>,
  { weightsBytes, kvValuesPerToken, contextLength }: ModelDefinition,
  available: number,
): Promise<ChosenDevice> {
  const { device = defaultDevice, signal } = options
  if (device !== autoDevice) return { device, reason: '' }
  const tokens = Math.min(options.contextLength ?? contextLength, contextLength)
  const precision = kvPrecisionOf(withOptions(options.ovConfig ?? {}, options), 'f16')
  const needed = weightsBytes + (kvValuesPerToken ?? 0) * kvValueBytes(precision) * tokens
  const chosen = chooseDevice(await devices({ signal }), needed, available)
  return { ...chosen, reason: `option device AUTO: ${chosen.reason}` }
}
