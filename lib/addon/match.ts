import type { Addon, Boundary } from '../engine/boundary.js'
import { boundary, functions } from '../engine/fields.js'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'
import type { AddonPlace } from './find.js'

/**
 * Both sides must have been built from the same declarations: a field that one side does not know would be lost in silence.
 * @throws LLMError `ERR_ADDON_MISMATCH`
 */
export function checkMatch(addon: Addon, { remedy }: Pick<AddonPlace, 'remedy'>): void {
  const { version, boundary: found } = addon.buildInfo()
  const difference =
    version === packageVersion
      ? (findDifference('boundary', expectedOf(found), found) ??
        findDifference('functions', functions, functionsOf(addon)))
      : `it has version ${version}`
  if (difference === undefined) return
  throw new LLMError(
    'ERR_ADDON_MISMATCH',
    `the native addon does not belong to openvino-llm ${packageVersion}: ${difference}. Run: ${remedy}`,
  )
}

/** A new error code needs no new addon, so the addon may lack some of ours. It may have none that we lack. */
function expectedOf(found: Boundary | undefined): Boundary {
  const known = found?.names['ErrorCode'] ?? []
  const codes = boundary.names.ErrorCode.filter((code) => known.includes(code))
  return { ...boundary, names: { ...boundary.names, ErrorCode: codes } }
}

function functionsOf(addon: Addon): Record<string, Record<string, true>> {
  const table = (names: string[]) => Object.fromEntries(names.map((name) => [name, true as const]))
  const methods = (made: { prototype: object }) =>
    table(Object.getOwnPropertyNames(made.prototype).filter((name) => name !== 'constructor'))
  return { addon: table(Object.keys(addon)), Engine: methods(addon.Engine as never), Job: methods(addon.Job as never) }
}

/** The first difference in words. */
function findDifference(path: string, expected: unknown, found: unknown): string | undefined {
  if (!isTable(expected) || !isTable(found)) {
    if (JSON.stringify(expected) === JSON.stringify(found)) return undefined
    return `${path}: expected ${show(expected)}, found ${show(found)}`
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const difference = findDifference(`${path}.${name}`, expected[name], found[name])
    if (difference !== undefined) return difference
  }
  return undefined
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  return isTable(value) ? `a structure of ${Object.keys(value).length} fields` : JSON.stringify(value)
}
