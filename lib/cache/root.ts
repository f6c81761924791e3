import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * Folder of everything that is made or fetched once: `OPENVINO_LLM_CACHE`, else `openvino-llm` in the platform's place for caches
 * (`XDG_CACHE_HOME` or ~/.cache, ~/Library/Caches, %LOCALAPPDATA%).
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (env.OPENVINO_LLM_CACHE) return resolve(env.OPENVINO_LLM_CACHE)
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'openvino-llm')
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'openvino-llm')
  // The XDG specification wants relative paths ignored.
  const xdg = env.XDG_CACHE_HOME
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.cache'), 'openvino-llm')
}

/** Where the demo script puts the model that it fetches. */
export function demoModelPath(): string {
  return join(cacheRoot(), 'models', 'SmolLM2-135M-Instruct.Q4_1.gguf')
}
