import { describe } from '../options/rules.js'
import type { DeviceKind } from './table.js'

/** OpenVINO properties by name. */
export type Properties = Readonly<Record<string, string | number | boolean>>

const kvCachePrecisionName = 'KV_CACHE_PRECISION'
const precisionName = 'INFERENCE_PRECISION_HINT'
const threadsName = 'INFERENCE_NUM_THREADS'

/** Options that stand for a property. */
export interface PropertyOptions {
  kvCachePrecision?: string | undefined
  precision?: string | undefined
  threads?: number | undefined
}

/**
 * `ovConfig` with the properties that stand for options.
 * @throws TypeError when an option and `ovConfig` say something, and not the same
 */
export function withOptions(ovConfig: Properties, options: PropertyOptions): Properties {
  const { kvCachePrecision, threads } = options
  const precision = options.precision === 'auto' ? undefined : options.precision
  const merged = { ...ovConfig }
  for (const [option, name, value] of [
    ['kvCachePrecision', kvCachePrecisionName, kvCachePrecision],
    ['precision', precisionName, precision],
    ['threads', threadsName, threads],
  ] as const) {
    if (value === undefined) continue
    const other = ovConfig[name] ?? value
    if (String(other) !== String(value)) {
      throw new TypeError(
        `expected ${option} and ovConfig.${name} to agree, received ${describe(value)} and ${describe(other)}; leave out one of them`,
      )
    }
    merged[name] = value
  }
  return merged
}

/**
 * The precision of the KV cache that a load asks for, or the default of this kind of device. Where the cache is in a GPU's memory, that is f32
 * when the GPU computes in f32 (native/openvino/runners/cache_precision.h).
 */
export function kvPrecisionOf(
  ovConfig: Readonly<Record<string, unknown>>,
  { kvPrecision, pagedCache }: Pick<DeviceKind, 'kvPrecision' | 'pagedCache'>,
): string {
  const follows = pagedCache?.memory === 'device' && ovConfig[precisionName] === 'f32'
  return String(ovConfig[kvCachePrecisionName] ?? (follows ? 'f32' : kvPrecision))
}

/**
 * What was asked for and what the device took instead, in words: OpenVINO takes another precision in silence where the device lacks one.
 * @param taken properties of the compiled model as OpenVINO reports them, and what a paged KV cache is made of
 */
export function refusedPrecisions(
  asked: Properties,
  taken: { properties: Readonly<Record<string, string>>; kvCache: { precision: string } },
): string[] {
  const { properties, kvCache } = taken
  return [precisionName, kvCachePrecisionName].flatMap((name) => {
    const cache = name === kvCachePrecisionName ? kvCache.precision : ''
    const [wanted, found] = [asked[name], cache || properties[name]]
    if (wanted === undefined || found === undefined || String(wanted).toLowerCase() === found.toLowerCase()) return []
    return [`${name} ${wanted} was asked for, and the device takes ${found}`]
  })
}

/**
 * OpenVINO properties as `KEY=VALUE` lines. Which ones there are is the device's business.
 * @throws TypeError for names or values that no property can have.
 */
export function propertyLines(ovConfig: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(ovConfig).map(([name, value]) => {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name)) {
      throw new TypeError(
        `expected ovConfig to have OpenVINO's property names, such as KV_CACHE_PRECISION, received ${describe(name)}`,
      )
    }
    if (typeof value === 'boolean') return `${name}=${value ? 'YES' : 'NO'}`
    if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return `${name}=${value}`
    throw new TypeError(`expected ovConfig.${name} to be a string, number or boolean, received ${describe(value)}`)
  })
}

/**
 * Whether the caller's properties rule out our cache of compiled models. They do when they name a cache of their own, and when another
 * device stands in for the NPU: OpenVINO 2026.4.1 computes such a model in another precision after it was read back.
 */
export const ownCache = (properties: Readonly<Record<string, unknown>>): boolean =>
  properties['CACHE_DIR'] !== undefined || properties['NPUW_DEVICES'] !== undefined
