// @ts-check
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * The folder for downloads, which is the library's cache folder too: OPENVINO_LLM_CACHE, else the platform's usual place.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string} an absolute path; the folder may not exist yet
 */
export function cacheFolder(env = process.env) {
  if (env.OPENVINO_LLM_CACHE) return resolve(env.OPENVINO_LLM_CACHE)
  if (process.platform === 'win32') {
    return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'openvino-llm')
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'openvino-llm')
  return join(env.XDG_CACHE_HOME ? resolve(env.XDG_CACHE_HOME) : join(homedir(), '.cache'), 'openvino-llm')
}
