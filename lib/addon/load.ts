import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import type { Addon } from '../engine/boundary.js'
import { findAddon } from './find.js'
import { checkMatch } from './match.js'
import { openAddon } from './open.js'
import { systemInfo } from './system.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

let loaded: Addon | undefined
let loadedFrom: string | undefined

/**
 * The native addon, loaded on first use: importing the package touches no native code.
 *
 * Looked for in the folder that `OPENVINO_LLM_ADDON` names, else in a checkout's `build/Release`, else in the platform's package, else
 * in a checkout's `prebuilds`. OpenVINO is taken from the same folder, or from the one that `OPENVINO_LLM_RUNTIME` names.
 * @throws LLMError `ERR_SYSTEM` when the system or processor cannot run it, `ERR_ADDON_NOT_FOUND` when it is missing or cannot be
 * loaded, `ERR_ADDON_MISMATCH` when it, or the OpenVINO in this process, is of another version.
 */
export function loadAddon(): Addon {
  if (!loaded) {
    const place = findAddon(systemInfo(), process.env, root)
    const addon = openAddon(place, process.env.OPENVINO_LLM_RUNTIME)
    checkMatch(addon, place)
    if (isMainThread) process.once('exit', (code) => addon.atExit(code))
    loaded = addon
    loadedFrom = place.path
  }
  return loaded
}

/** The file that {@link loadAddon} took, once it has loaded it. */
export function loadedAddonPath(): string | undefined {
  return loadedFrom
}
