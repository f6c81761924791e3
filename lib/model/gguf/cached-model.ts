import { loadAddon } from '../../addon/load.js'
import { conversionName, convertedModels } from '../../cache/converted-models.js'
import { CacheStore } from '../../cache/store.js'
import { LLMError } from '../../errors.js'
import type { ModelDefinition } from '../definition.js'
import { readFolder } from '../folder.js'
import { requireFile } from '../model-file.js'
import { type ConvertOptions, checkConverted, fillFromGguf } from './convert.js'
import { partNames } from './part-names.js'

export interface CacheOptions extends ConvertOptions {
  /** Default `cacheRoot()`. */
  root?: string | undefined
}

/**
 * The model folder that a GGUF was converted into. The first use converts it. Safe with several processes: all may convert, and the first
 * to finish is used by all.
 *
 * @param path absolute path of the .gguf, of a split one any of its parts
 * @throws LLMError `ERR_CACHE` when the cache folder cannot be written; else as `convertGguf`
 */
export async function cachedModel(path: string, options: CacheOptions = {}): Promise<ModelDefinition> {
  const { root, versions = loadAddon().buildInfo() } = options
  const files = partNames(path) ?? [path]
  for (const file of files) await requireFile(file, 'expected a GGUF model')
  const store = new CacheStore(convertedModels, root)
  const name = await conversionName(files, versions)
  try {
    const cached = await readCached(store, name)
    if (cached) {
      // A folder that others may only read serves all the same.
      await store.use(name).catch(() => undefined)
      // An older version of this package, or a machine that could not, left it unchecked.
      return options.check === false ? cached : await checkConverted(cached, options)
    }
    await store.tidy(name)
    await store.fill(name, (temporary) => fillFromGguf(path, temporary, options))
  } catch (error) {
    throw store.failure(error)
  }
  return readFolder(store.pathOf(name))
}

/**
 * The model folder that a GGUF was converted into, if it has been and is sound. Nothing is converted or checked, and this is no use of it.
 *
 * @param path as of {@link cachedModel}
 */
export async function conversionOf(path: string, { root, versions }: CacheOptions = {}): Promise<string | undefined> {
  try {
    const name = await conversionName(partNames(path) ?? [path], versions ?? loadAddon().buildInfo())
    return (await readFolder(new CacheStore(convertedModels, root).pathOf(name))).folder
  } catch (error) {
    if (error instanceof LLMError) return undefined
    throw error
  }
}

/** A folder in the cache that lost files, to a cleaner or a power cut, is discarded: it can be made again. */
async function readCached(store: CacheStore, name: string): Promise<ModelDefinition | undefined> {
  try {
    return await readFolder(store.pathOf(name))
  } catch (error) {
    if (!(error instanceof LLMError) || error.code === 'ERR_MODEL_UNREADABLE') throw error
    await store.remove(name)
    return undefined
  }
}
