import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { BuildInfo, ReadyInfo } from '../engine/boundary.js'
import type { ModelDefinition } from '../model/definition.js'
import { fileError } from '../model/model-file.js'

const day = 24 * 60 * 60 * 1000
/** Milliseconds after which a file that no load has used is removed. */
const unusedFor = 30 * day
/** Milliseconds after which nobody still writes an unfinished file. */
const unfinishedFor = day

/** Files of packed weights in the cache folder, one a model: the addon reads and writes them, this names them and removes old ones. */
export class PackedCache {
  readonly #folder: string
  readonly #versions: readonly string[]

  constructor(cacheRoot: string, { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>) {
    this.#folder = join(cacheRoot, 'packed')
    this.#versions = [version, openvino]
  }

  /**
   * The file of a model, by what its files are and not by where; its folder is there unless it cannot be made, which the addon then finds.
   *
   * @throws LLMError when the model's files cannot be read
   */
  async pathFor({ modelPath, weightsPath }: Pick<ModelDefinition, 'modelPath' | 'weightsPath'>): Promise<string> {
    const hash = createHash('sha256')
    for (const path of [modelPath, weightsPath]) {
      try {
        const { size, mtimeNs } = await stat(path, { bigint: true })
        hash.update(JSON.stringify([String(size), String(mtimeNs), ...this.#versions]))
        if (path === modelPath) hash.update(await readFile(path))
      } catch (error) {
        throw fileError(path, error)
      }
    }
    await mkdir(this.#folder, { recursive: true }).catch(() => undefined)
    return join(this.#folder, `${hash.digest('hex').slice(0, 32)}.bin`)
  }

  /** Notes that a load uses its file; when it made it, removes those that have not been used for a month. */
  async used({ file, reused }: ReadyInfo['packed']): Promise<void> {
    if (file === '') return
    const now = Date.now()
    try {
      if (reused) await utimes(file, now / 1000, now / 1000)
      else await removeUnused(dirname(file), basename(file), now)
    } catch {
      // It is the same file without that.
    }
  }
}

async function removeUnused(folder: string, except: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const most = /^[0-9a-f]{32}\.bin$/.test(name) ? unusedFor : /\.bin\.\d+\.tmp$/.test(name) ? unfinishedFor : Infinity
    const path = join(folder, name)
    if (name !== except && now - (await stat(path)).mtimeMs > most) await rm(path, { force: true })
  }
}
