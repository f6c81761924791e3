import { basename } from 'node:path'
import type { BuildInfo, ReadyInfo } from '../engine/boundary.js'
import { identityOfModel } from './model-identity.js'
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
    const identity = await identityOfModel({ modelPath, weightsPath }, this.#versions)
    await this.#store.open().catch(() => undefined)
    return this.#store.pathOf(`${identity}.bin`)
  }

  /** Notes that a load uses its file. When the load is to make the file, old ones are removed. */
  async used(path: string, { reused }: ReadyInfo['packed']): Promise<void> {
    if (path === '') return
    const name = basename(path)
    // Without the time the file serves all the same.
    if (reused) await this.#store.use(name).catch(() => undefined)
    else await this.#store.tidy(name)
  }
}
