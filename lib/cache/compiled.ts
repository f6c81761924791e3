import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { LLMError } from '../errors.js'
import type { ModelDefinition } from '../model/definition.js'
import { isSystemError } from '../model/gguf/convert.js'
import { cacheRoot } from './folder.js'

/** Most bytes of all compiled models together, before the least recently used are removed. */
const largest = 16e9

export interface CompiledCacheOptions {
  /** Default {@link cacheRoot}. */
  root?: string | undefined
  /** Default 16 GB. */
  maxBytes?: number | undefined
}

/**
 * The folder for what OpenVINO compiles of a model, made when it is not there: one for each model and OpenVINO version. Others that were not
 * used for longest are removed once all together are too large; this one never.
 * @throws LLMError `ERR_CACHE` when the cache folder cannot be written
 */
export async function compiledFolder(
  { folder, modelPath, weightsPath }: Pick<ModelDefinition, 'folder' | 'modelPath' | 'weightsPath'>,
  openvino: string,
  { root = cacheRoot(), maxBytes = largest }: CompiledCacheOptions = {},
): Promise<string> {
  const parent = join(root, 'compiled')
  try {
    const files = await Promise.all([modelPath, weightsPath].map((path) => stat(path)))
    const identity = JSON.stringify([folder, openvino, ...files.map(({ size, mtimeMs }) => [size, mtimeMs])])
    const name = createHash('sha256').update(identity).digest('hex').slice(0, 32)
    const own = join(parent, name)
    await mkdir(own, { recursive: true })
    // The time of use is the folder's own.
    const now = new Date()
    await utimes(own, now, now)
    // Another process may be removing the same ones.
    await shrink(parent, name, maxBytes).catch((error: unknown) => {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error
    })
    return own
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new LLMError(
      'ERR_CACHE',
      `${parent}: the cache folder cannot be written (${error.message}); set OPENVINO_LLM_CACHE to one that can`,
      { cause: error },
    )
  }
}

async function shrink(parent: string, kept: string, maxBytes: number): Promise<void> {
  const found = await Promise.all(
    (await readdir(parent)).map(async (name) => {
      const path = join(parent, name)
      return { name, path, used: (await stat(path)).mtimeMs, bytes: await sizeOf(path) }
    }),
  )
  let total = found.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, name, bytes } of found.sort((a, b) => a.used - b.used)) {
    if (total <= maxBytes) return
    if (name === kept) continue
    await rm(path, { recursive: true, force: true })
    total -= bytes
  }
}

async function sizeOf(path: string): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true })
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size)
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}
