import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { BuildInfo, ReadyInfo } from '../engine/boundary.js'
import { fileError } from '../file-error.js'
import { type CacheKind, CacheStore } from './store.js'

/** Weights in the built-in kernels' form: a file for each model, which the addon reads, validates and writes. */
const packedWeights: CacheKind = { folder: 'packed', entry: /^[0-9a-f]{32}\.bin$/, maxAge: 30 * 24 * 60 * 60 * 1000 }

/** Names the files of packed weights and removes old ones. */
export class PackedCache {
  readonly #store: CacheStore
  readonly #versions: readonly string[]

  constructor(cacheRoot: string, { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>) {
    this.#store = new CacheStore(packedWeights, cacheRoot)
    this.#versions = [version, openvino]
  }

  /**
   * The file of a model. What the model's files are decides on its name, not where they are. The file's folder is there, unless it cannot
   * be made: the addon then finds that out, and warns.
   * @throws LLMError when the model's files cannot be read
   */
  async pathFor({ modelPath, weightsPath }: { modelPath: string; weightsPath: string }): Promise<string> {
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
    await this.#store.open().catch(() => undefined)
    return this.#store.pathOf(`${hash.digest('hex').slice(0, 32)}.bin`)
  }

  /** Notes that a load uses its file. When the load made the file, old ones are removed. */
  async used({ file, reused }: ReadyInfo['packed']): Promise<void> {
    if (file === '') return
    const name = basename(file)
    // Without the time the file serves all the same.
    if (reused) await this.#store.use(name).catch(() => undefined)
    else await this.#store.tidy(name)
  }
}
