import type { DeviceFeatures } from '../engine/boundary.js'
import type { Properties } from './properties.js'
import { deviceKind } from './table.js'

/** The device whose plugin may let others compute for it: a way to try models for it without one. */
const standInProperty = 'NPUW_DEVICES'

/**
 * What the addon must know of a device.
 * @param asked properties that the caller sets
 * @throws LLMError `ERR_DEVICE` for a string that names no device.
 */
export function deviceFeatures(device: string, asked: Properties = {}): DeviceFeatures {
  const { virtual, pagedCache, builtinKernels, staticShapes } = deviceKind(device)
  const plugin = /^[A-Z]+/.exec(device)?.[0] ?? device
  const inner = virtual
    ? devicesIn(device.slice(device.indexOf(':') + 1))
    : staticShapes
      ? devicesIn(String(asked[standInProperty] ?? 'CPU'))
      : []
  const replaced = !virtual && asked[standInProperty] !== undefined && !inner.some((name) => name.startsWith(plugin))
  return {
    name: device,
    mustBePresent: !virtual && !replaced,
    propertySources: [virtual ? plugin : device, ...inner],
    // The NPU's plugin lists none of the properties of its compiler and its wrapper; it refuses unknown ones by name.
    uncheckedPrefix: [device, ...inner].some((name) => name.startsWith('NPU')) ? 'NPU' : '',
    nestedProperties: virtual,
    builtinKernels,
    kvMemory: pagedCache?.memory ?? 'none',
    kvBlockTokens: pagedCache?.blockTokens ?? 0,
    kvTransposedKeys: pagedCache?.transposedKeys ?? false,
  }
}

/** GPU.1 and CPU of `GPU.1,CPU(2)`; those that a list leaves out (-GPU) are not among them. */
function devicesIn(list: string): string[] {
  return list
    .split(',')
    .map((part) => part.replace(/\(.*/, ''))
    .filter((name) => name !== '' && !name.startsWith('-'))
}
