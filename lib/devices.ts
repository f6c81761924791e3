import type { NativeDevice } from './native/addon.js'
import { runJob } from './native/job.js'

/** A device that OpenVINO sees. */
export type Device = NativeDevice

/**
 * The devices that OpenVINO sees on this machine, with what each says of itself. Loads their drivers, on another thread.
 * @throws LLMError `ERR_ADDON_NOT_FOUND`, `ERR_ENGINE`.
 */
export function devices(): Promise<Device[]> {
  return runJob('devices', {})
}
