import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { LLMError } from '../errors.js'
import type { ModelInfo } from '../info.js'
import type { LLM } from '../llm.js'
import type { GenerationOptions } from '../options/generation.js'
import { didYouMean } from '../options/rules.js'
import { ApiError, apiErrorOf } from './api-error.js'
import { nowInSeconds } from './clock.js'
import {
  bytesOf,
  checkLazy,
  isModel,
  type LazyModel,
  type LoadedModel,
  loadedOf,
  type ServedModel,
} from './models/definition.js'
import { ModelPool, type PooledModel, type PoolSource } from './models/pool.js'

/** A model by the name that requests call it. */
export interface NamedModel {
  name: string
  model: ServedModel
  /** OpenAI's `system_fingerprint`: changes when the same request may get another answer. */
  fingerprint: string
  /** What somebody has set for the model (`LoadOptions.defaults` or its files), by option. */
  defaults: GenerationOptions
  /** Seconds after which whoever was turned away may come again, if its model.yaml says so. */
  retryAfter: number | undefined
}

/** Models as `createServer` takes them. */
export type Models = ServedModel | Readonly<Record<string, ServedModel | LoadedModel | LazyModel>>

/** Who needs a model: for as long as its request takes. */
export interface Holder {
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal
  /** Calls back when the request and its answers have ended. */
  onEnd(callback: () => void): void
}

/** One model of the server, in memory or not. */
export interface ModelEntry {
  name: string
  aliases: readonly string[]
  /** As it was given. */
  source: ServedModel | LoadedModel | LazyModel
  /** Set when the server loads it and closes it. */
  pooled?: PooledModel<NamedModel>
  /** The model, while it is in memory. */
  readonly loaded: NamedModel | undefined
  /** What is known of it, by its last load; undefined while nobody has asked for it. */
  readonly info: ModelInfo | undefined
}

/** The models of a server. */
export class ServedModels {
  readonly #pool: ModelPool<NamedModel>
  readonly #maxBytes: number | undefined
  #entries: ReadonlyMap<string, ModelEntry> = new Map()
  /** By name and by alias. */
  #byName: ReadonlyMap<string, ModelEntry> = new Map()
  /** Seconds since 1970: OpenAI's `created` of every model. */
  readonly created = nowInSeconds()

  /**
   * @param maxBytes of all of them together
   * @throws TypeError for no models, or for something else
   */
  constructor(models: Models, maxBytes?: number) {
    this.#maxBytes = maxBytes
    this.#pool = new ModelPool(maxBytes)
    this.replace(models)
  }

  /**
   * From now on these are the models. What is the same object as before stays as it is; the others that the server has loaded are closed when
   * their last request has ended.
   * @throws TypeError for no models, or for something else; nothing has changed then
   */
  replace(models: Models): void {
    const named = isModel(models) ? { [nameOf(models)]: models } : models
    const given = Object.entries(named ?? {})
    if (given.length === 0) throw new TypeError('expected at least one model, received none')
    const loaded = new Map<string, LoadedModel>()
    for (const [name, value] of given) {
      const found = loadedOf(value, `models.${name}`)
      if (found) loaded.set(name, found)
      else this.#checkLazy(name, value)
    }
    const names = new Map<string, string>()
    for (const [name, value] of given) {
      for (const each of [name, ...((loaded.get(name) ?? (value as LazyModel)).aliases ?? [])]) {
        if (names.has(each)) throw new TypeError(`models.${name}: two models are called ${each}`)
        names.set(each, name)
      }
    }
    const before = this.#entries
    const entries = new Map(
      given.map(([name, value]) => {
        const same = before.get(name)
        return [name, same?.source === value ? same : this.#entryOf(name, value, loaded.get(name))]
      }),
    )
    this.#entries = entries
    this.#byName = new Map([...names].map(([each, name]) => [each, entries.get(name) as ModelEntry]))
    if (this.#maxBytes !== undefined) {
      const taken = [...loaded.values()].reduce((total, each) => total + bytesOf(each), 0)
      this.#pool.limit(this.#maxBytes - taken)
    }
    for (const entry of before.values()) {
      if (!entry.pooled || entries.get(entry.name) === entry) continue
      this.#pool.remove(entry.pooled, new ApiError(503, `${entry.name} has changed or gone`, { retryAfter: 1 }))
    }
  }

  #checkLazy(name: string, value: unknown): asserts value is LazyModel {
    const where = `models.${name}`
    checkLazy(value, where)
    if (this.#maxBytes !== undefined && value.bytes === undefined) {
      throw new TypeError(`${where}: expected bytes, which maxModelBytes counts, received none`)
    }
  }

  #entryOf(name: string, source: ModelEntry['source'], given: LoadedModel | undefined): ModelEntry {
    if (given) {
      const { model, aliases = [] } = given
      const loaded = namedModel(name, model)
      return {
        ...{ name, aliases, source, loaded },
        get info() {
          return model.info
        },
      }
    }
    const lazy = source as LazyModel
    let info: ModelInfo | undefined
    const pooled = this.#pool.add(
      sourceOf(name, lazy, (loaded) => {
        info = loaded
      }),
    )
    return {
      ...{ name, aliases: lazy.aliases ?? [], source, pooled },
      get loaded() {
        return pooled.model
      },
      get info() {
        return pooled.model?.model.info ?? info
      },
    }
  }

  /** All of them, in memory or not. */
  get all(): ModelEntry[] {
    return [...this.#entries.values()]
  }

  /** Those in memory. */
  get loaded(): NamedModel[] {
    return this.all.flatMap(({ loaded }) => (loaded ? [loaded] : []))
  }

  /** Whether one is on its way into memory. */
  get isLoading(): boolean {
    return this.all.some(({ pooled }) => pooled?.state === 'loading' || pooled?.state === 'measuring')
  }

  /**
   * What a request means by a model's name; one that names none means the only one there is.
   * @throws ApiError 400 for a name that is no text or is missing, 404 for an unknown one
   */
  entry(name: unknown): ModelEntry {
    if (name === undefined || name === null) {
      const [only, ...others] = this.all
      if (only && others.length === 0) return only
      throw ApiError.invalid('model', 'expected model to be the name of a model, received none')
    }
    if (typeof name !== 'string') throw ApiError.invalid('model', 'expected model to be a string')
    const found = this.#byName.get(name)
    if (!found) {
      throw new ApiError(404, `unknown model ${name.slice(0, 200)}${didYouMean(name, [...this.#byName.keys()])}`, {
        code: 'model_not_found',
        param: 'model',
      })
    }
    return found
  }

  /**
   * The model that a request names, loaded if it has to be. It stays in memory until the request has ended.
   * @throws ApiError as {@link entry}, and 500 or 503 when it cannot be loaded; `signal.reason` of a holder that waits no longer
   */
  async of(name: unknown, holder: Holder): Promise<NamedModel> {
    const entry = this.entry(name)
    const { pooled } = entry
    if (!pooled) return entry.loaded as NamedModel
    const named = await this.#pool.hold(pooled, holder.signal).catch((error) => {
      if (holder.signal.aborted) throw holder.signal.reason
      throw error instanceof ApiError ? error : loadFailure(entry.name, error)
    })
    holder.onEnd(() => this.#pool.release(pooled))
    return named
  }

  /** Closes the models that the server has loaded. */
  async close(): Promise<void> {
    await this.#pool.close()
  }
}

/** Clients are told no more than the code: the message is about this machine, and for the log. */
function loadFailure(name: string, cause: unknown): ApiError {
  const { status } = cause instanceof LLMError ? apiErrorOf(cause) : { status: 500 }
  const code = cause instanceof LLMError ? cause.code : null
  return new ApiError(status < 500 ? 500 : status, `${name} could not be loaded; the log of the server says why`, {
    code,
    ...(status === 503 && { retryAfter: 5 }),
    cause,
  })
}

function sourceOf(
  name: string,
  { load, bytes = 0, unloadAfter }: LazyModel,
  opened: (info: ModelInfo) => void,
): PoolSource<NamedModel> {
  return {
    name,
    bytes: async () => (typeof bytes === 'function' ? await bytes() : bytes),
    open: async (signal: AbortSignal) => {
      const model: unknown = await load({ signal })
      if (!isModel(model)) throw new TypeError(`models.${name}: expected load to give a loaded model (LLM)`)
      opened(model.info)
      return namedModel(name, model)
    },
    close: async ({ model }: NamedModel) => await (model as LLM).close(),
    unloadAfter,
  }
}

function namedModel(name: string, model: ServedModel): NamedModel {
  // `info` measures the process: it is not for every request.
  const { info } = model
  const retryAfter = info.modelYaml?.retryAfterSeconds ?? undefined
  return { name, model, fingerprint: fingerprintOf(info), defaults: defaultsOf(info), retryAfter }
}

/** The last part of where it lies. */
function nameOf(model: ServedModel): string {
  return basename(model.info.source.path).replace(/\.gguf$/i, '')
}

function fingerprintOf(info: ModelInfo): string {
  const { versions, folder, device, runner, precision } = info
  const text = JSON.stringify([versions.package, versions.openvino, folder, device, runner, precision])
  return `fp_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
}

function defaultsOf(info: ModelInfo): GenerationOptions {
  const set = Object.entries(info.generationDefaults).filter(([, { source }]) => source !== 'built-in')
  return Object.fromEntries(set.map(([name, { value }]) => [name, value]))
}
