import { stat } from 'node:fs/promises'
import { fileError } from '../file-error.js'
import type { ModelDefinition } from './definition.js'
import { readFolder, toPath } from './folder.js'
import { type CacheOptions, cachedModel } from './gguf/cached-model.js'

/**
 * Makes one definition of whatever a caller calls a model: an OpenVINO folder, its openvino_model.xml, or a .gguf file, which is
 * converted once and then found in the cache.
 *
 * @param reference a path or a file: URL
 * @throws TypeError when `reference` is neither; LLMError as `readFolder` and `cachedModel`; `signal.reason` when aborted
 */
export async function loadModel(reference: string | URL, options: CacheOptions = {}): Promise<ModelDefinition> {
  const path = toPath(reference)
  options.signal?.throwIfAborted()
  if (!path.toLowerCase().endsWith('.gguf') || (await isFolder(path))) return readFolder(path)
  return { ...(await cachedModel(path, options)), source: { kind: 'gguf', path } }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    throw fileError(path, error)
  }
}
