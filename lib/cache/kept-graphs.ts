import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { BuildInfo, EngineConfig } from '../engine/boundary.js'
import { identityOfModel } from './model-identity.js'
import { type CacheKind, CacheStore } from './store.js'

/**
 * Compiled graphs for CPU: a file for each model and setting, which the addon reads, validates and writes. Its name begins with digits for what
 * made it; those of earlier versions have none.
 */
const keptGraphs: CacheKind = {
  folder: 'graphs',
  entry: /^([0-9a-f]{8}-)?[0-9a-f]{32}\.graph$/,
  maxAge: 30 * 24 * 60 * 60 * 1000,
  maxBytes: 8e9,
}

/** Names the files of compiled graphs and removes old ones. */
export class GraphCache {
  readonly #store: CacheStore
  readonly #versions: readonly string[]
  readonly #addon: string

  /** @param addon path of the addon that compiles: another build may compile otherwise */
  constructor(cacheRoot: string, { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>, addon: string) {
    this.#store = new CacheStore(keptGraphs, cacheRoot)
    this.#versions = [version, openvino]
    this.#addon = addon
  }

  /**
   * The file of a model under this configuration. Its folder is there, unless it cannot be made: the addon then finds that out, and warns.
   * @throws LLMError when the model's files cannot be read
   */
  async pathFor(files: { modelPath: string; weightsPath: string }, config: EngineConfig): Promise<string> {
    const { size, mtimeMs } = await stat(this.#addon)
    const { runner, device, properties, ropeRegime, contextLength, maxSequences } = config
    const { cpuKernel, cpuAttention, activationSpan } = config
    // The addon compares all that matters. These are what one machine may load a model with in turn.
    const settings = [
      runner,
      device.name,
      properties,
      ropeRegime,
      contextLength,
      maxSequences,
      cpuKernel,
      cpuAttention,
      activationSpan,
    ]
    const maker = createHash('sha256')
      .update(JSON.stringify([this.#versions, size, mtimeMs]))
      .digest('hex')
      .slice(0, 8)
    const name = `${maker}-${await identityOfModel(files, [JSON.stringify(settings)])}.graph`
    await this.#store.open().catch(() => undefined)
    await this.#store.use(name).catch(() => undefined) // it is not there on the first start
    await this.#store.tidy(name, (other) => !other.startsWith(`${maker}-`))
    return this.#store.pathOf(name)
  }
}
