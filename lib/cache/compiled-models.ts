import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { type CacheKind, CacheStore } from './store.js'

/** What OpenVINO compiles of a model, in a format of its own: a folder for each model and OpenVINO version. */
const compiledModels: CacheKind = { folder: 'compiled', entry: /^[0-9a-f]{32}$/, maxBytes: 16e9 }

export interface CompiledCacheOptions {
  /** Default `cacheRoot()`. */
  root?: string | undefined
  /** Default 16 GB. */
  maxBytes?: number | undefined
}

/**
 * The folder for what OpenVINO compiles of a model; it is made when it is not there.
 * @throws LLMError `ERR_CACHE` when the cache folder cannot be written
 */
export async function compiledFolder(
  { folder, modelPath, weightsPath }: { folder: string; modelPath: string; weightsPath: string },
  openvino: string,
  { root, maxBytes }: CompiledCacheOptions = {},
): Promise<string> {
  const store = new CacheStore(maxBytes === undefined ? compiledModels : { ...compiledModels, maxBytes }, root)
  try {
    const files = await Promise.all([modelPath, weightsPath].map((path) => stat(path)))
    const identity = JSON.stringify([folder, openvino, ...files.map(({ size, mtimeMs }) => [size, mtimeMs])])
    const name = createHash('sha256').update(identity).digest('hex').slice(0, 32)
    await mkdir(store.pathOf(name), { recursive: true })
    await store.use(name)
    await store.tidy(name)
    return store.pathOf(name)
  } catch (error) {
    throw store.failure(error)
  }
}
