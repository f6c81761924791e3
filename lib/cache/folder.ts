import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { loadAddon } from '../addon/load.js'
import { LLMError } from '../errors.js'
import type { ModelDefinition } from '../model/definition.js'
import { readFolder } from '../model/folder.js'
import { type ConvertOptions, checkConverted, fillFromGguf, isSystemError } from '../model/gguf/convert.js'
import { fileError, requireFile } from '../model/model-file.js'
import { discardFolder, fillFolder, removeStale } from './temporary-folder.js'

/** Bytes at the start of a GGUF that identify it: header and most of the metadata. */
const headBytes = 1024 * 1024
/** Bytes at its end: weights. */
const tailBytes = 64 * 1024

/**
 * Folder of everything that is made or fetched once: `OPENVINO_LLM_CACHE`, else the platform's place for caches
 * (`XDG_CACHE_HOME` or ~/.cache, ~/Library/Caches, %LOCALAPPDATA%) with `openvino-llm` below it.
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

export interface CacheOptions extends ConvertOptions {
  /** Default {@link cacheRoot}. */
  root?: string | undefined
}

/**
 * The model folder that a GGUF was converted into, converting it when this is the first time. Safe with several processes: all may
 * convert, the first one to finish is used by all.
 *
 * @param path absolute path of the .gguf
 * @throws LLMError ERR_CACHE when the cache folder cannot be written; else as `convertGguf`
 */
export async function cachedModel(path: string, options: CacheOptions = {}): Promise<ModelDefinition> {
  const { root = cacheRoot(), versions = loadAddon().buildInfo() } = options
  const folders = join(root, 'gguf')
  const folder = join(folders, await identify(path, [conversion, versions.version, versions.openvino]))
  const unwritable = (error: unknown): unknown =>
    isSystemError(error)
      ? new LLMError(
          'ERR_CACHE',
          `${folders}: the cache folder cannot be written (${error.message}); set OPENVINO_LLM_CACHE to one that can`,
          { cause: error },
        )
      : error

  const cached = await readCached(folder).catch((error: unknown) => {
    throw unwritable(error)
  })
  try {
    // An older version of this package, or a machine that could not, left it unchecked.
    if (cached) return options.check === false ? cached : await checkConverted(cached, options)
    await mkdir(folders, { recursive: true })
    await removeStale(folder)
    await fillFolder(folder, (temporary) => fillFromGguf(path, temporary, options))
  } catch (error) {
    throw unwritable(error)
  }
  return readFolder(folder)
}

/** A folder in the cache that lost files, to a cleaner or a power cut, is discarded: it can be made again. */
async function readCached(folder: string): Promise<ModelDefinition | undefined> {
  try {
    return await readFolder(folder)
  } catch (error) {
    if (!(error instanceof LLMError)) throw error
    if (error.code === 'ERR_MODEL_UNREADABLE') throw error
    await discardFolder(folder).catch((failure: unknown) => {
      if (!isSystemError(failure) || (failure.code !== 'ENOENT' && failure.code !== 'ENOTDIR')) throw failure
    })
    return undefined
  }
}

/** Of what the addon makes of a GGUF: another one whenever that changes, so that folders made before are not used. */
const conversion = 'rotated halves'

/** Name of a conversion: the same file, package and runtime give the same name. */
async function identify(path: string, versions: readonly string[]): Promise<string> {
  const size = await requireFile(path, 'expected a GGUF model')
  try {
    const file = await open(path, 'r')
    try {
      const { mtimeNs } = await file.stat({ bigint: true })
      const hash = createHash('sha256').update(JSON.stringify([size, String(mtimeNs), ...versions]))
      for (const [position, length] of [
        [0, headBytes],
        [Math.max(0, size - tailBytes), tailBytes],
      ] as const) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
        hash.update(buffer.subarray(0, bytesRead))
      }
      return hash.digest('hex').slice(0, 32)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw fileError(path, error)
  }
}
