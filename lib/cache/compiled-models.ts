import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { type Properties, propertyLines } from '../devices/properties.js'
import { type CacheKind, CacheStore } from './store.js'

/** What OpenVINO compiles of a model, in a format of its own: a folder for each model, OpenVINO version and set of properties. */
const compiledModels: CacheKind = { folder: 'compiled', entry: /^[0-9a-f]{32}$/, maxBytes: 16e9 }

export interface CompiledCacheOptions {
  /** Default `cacheRoot()`. */
  root?: string | undefined
  /** Default 16 GB. */
  maxBytes?: number | undefined
}

/**
 * The folder for what OpenVINO compiles of a model; it is made when it is not there.
 *
 * OpenVINO 2026.4.1 tells entries apart by a few properties of the device only (CACHING_PROPERTIES). KV_CACHE_PRECISION is not among those of
 * its GPU plugin: in one folder, a load with a cache in f16 got the model that was compiled with one in f32.
 * @param properties all that it compiles with
 * @throws LLMError `ERR_CACHE` when the cache folder cannot be written
 */
export async function compiledFolder(
  { folder, modelPath, weightsPath }: { folder: string; modelPath: string; weightsPath: string },
  openvino: string,
  properties: Properties,
  { root, maxBytes }: CompiledCacheOptions = {},
): Promise<string> {
  const store = new CacheStore(maxBytes === undefined ? compiledModels : { ...compiledModels, maxBytes }, root)
  try {
    const files = await Promise.all([modelPath, weightsPath].map((path) => stat(path)))
    const identity = JSON.stringify([
      folder,
      openvino,
      propertyLines(properties).sort(),
      ...files.map(({ size, mtimeMs }) => [size, mtimeMs]),
    ])
    const name = createHash('sha256').update(identity).digest('hex').slice(0, 32)
    await mkdir(store.pathOf(name), { recursive: true })
    await store.use(name)
    await store.tidy(name)
    return store.pathOf(name)
  } catch (error) {
    throw store.failure(error)
  }
}
