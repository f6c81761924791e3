import { describe } from './check.js'

const kvCachePrecisionName = 'KV_CACHE_PRECISION'

/**
 * `ovConfig` with the property that stands for the option kvCachePrecision.
 * @throws TypeError when both say something, and not the same
 */
export function withKvPrecision(
  ovConfig: Readonly<Record<string, string | number | boolean>>,
  kvCachePrecision: string | undefined,
): Readonly<Record<string, string | number | boolean>> {
  if (kvCachePrecision === undefined) return ovConfig
  const other = ovConfig[kvCachePrecisionName] ?? kvCachePrecision
  if (other !== kvCachePrecision) {
    throw new TypeError(
      `expected kvCachePrecision and ovConfig.${kvCachePrecisionName} to agree, received ${describe(kvCachePrecision)} and ${describe(other)}; leave out one of them`,
    )
  }
  return { ...ovConfig, [kvCachePrecisionName]: kvCachePrecision }
}

/** The precision of the KV cache that a load asks for; u8 is the CPU's default. */
export function kvPrecisionOf(ovConfig: Readonly<Record<string, unknown>>): string {
  return String(ovConfig[kvCachePrecisionName] ?? 'u8')
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
