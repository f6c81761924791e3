import type { NativeDevice as Device } from '../engine/boundary.js'
import { type ProbeOptions, probe } from './probe.js'
import { plugins } from './table.js'

export type { Device }

/** Options of {@link devices}. */
export interface DevicesOptions {
  /** Aborts; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
}

/**
 * The devices that OpenVINO sees on this machine, with what each says of itself. Their drivers are loaded in another process: one that
 * crashes or hangs is in the list with its `error`.
 * @throws LLMError `ERR_ADDON_NOT_FOUND`, `ERR_ADDON_MISMATCH`, `ERR_ENGINE`.
 */
export function devices({ signal }: DevicesOptions = {}): Promise<Device[]> {
  return listDevices({ signal })
}

/** {@link devices}, with what tests replace. */
export async function listDevices(options: ProbeOptions): Promise<Device[]> {
  const all = await probe('', options)
  if (all.kind === 'found') return all.devices
  if (all.kind === 'failed') throw all.error
  // One of them is to blame: each alone.
  const found: Device[] = []
  for (const plugin of plugins) {
    const one = await probe(plugin, options)
    if (one.kind === 'failed') throw one.error
    if (one.kind === 'found') found.push(...one.devices)
    else found.push({ name: plugin, fullName: '', properties: {}, error: `the process that asked it ${one.how}` })
  }
  return found
}
