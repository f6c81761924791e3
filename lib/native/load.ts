import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'
import { type Addon, boundaryFields } from './addon.js'

const require = createRequire(import.meta.url)
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

let loaded: Addon | undefined

/**
 * The native addon, loaded on first use: importing the package touches no native code.
 *
 * Looked for in the folder that `OPENVINO_LLM_ADDON` names, else in the checkout's `build/Release`.
 * @throws LLMError `ERR_ADDON_NOT_FOUND` when it is missing or the system refuses to load it, `ERR_ADDON_MISMATCH` when it was
 * built for another version of this package.
 */
export function loadAddon(): Addon {
  if (!loaded) {
    const addon = check(open())
    if (isMainThread) process.once('exit', (code) => addon.atExit(code))
    loaded = addon
  }
  return loaded
}

function open(): Addon {
  const folder = process.env.OPENVINO_LLM_ADDON || join(root, 'build', 'Release')
  const path = join(folder, 'openvino_llm.node')
  try {
    return require(path) as Addon
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new LLMError(
      'ERR_ADDON_NOT_FOUND',
      `${path}: the native addon cannot be loaded (${why}). Build it: npm run build`,
      {
        cause,
      },
    )
  }
}

/** Both sides must have been built from the same declarations: a field that one side does not know would be lost in silence. */
export function check(addon: Addon): Addon {
  const { version, fields } = addon.buildInfo()
  const theirs = JSON.stringify(fields)
  const ours = JSON.stringify(boundaryFields)
  if (version !== packageVersion || theirs !== ours) {
    const found = version === packageVersion ? `other fields: ${theirs}, expected ${ours}` : `version ${version}`
    throw new LLMError(
      'ERR_ADDON_MISMATCH',
      `the native addon does not belong to openvino-llm ${packageVersion}: it has ${found}. Build it anew: npm run build`,
    )
  }
  return addon
}
