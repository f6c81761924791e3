import { describe } from './check.js'

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
