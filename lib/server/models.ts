import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { LLM } from '../llm.js'
import type { GenerationOptions } from '../options/generation.js'
import { didYouMean } from '../options/rules.js'
import { ApiError } from './api-error.js'
import { nowInSeconds } from './clock.js'

/** What the server needs of a model. */
export type ServedModel = Pick<LLM, 'stream' | 'tokenize' | 'detokenize' | 'info' | 'metrics'>

/** A model by the name that requests call it. */
export interface NamedModel {
  name: string
  model: ServedModel
  /** OpenAI's `system_fingerprint`: changes when the same request may get another answer. */
  fingerprint: string
  /** What somebody has set for the model (`LoadOptions.defaults` or its files), by option. */
  defaults: GenerationOptions
}

/** The models of a server. */
export class ServedModels {
  readonly #byName: ReadonlyMap<string, NamedModel>
  /** Seconds since 1970: OpenAI's `created` of every model. */
  readonly created = nowInSeconds()

  /** @throws TypeError for no models, or for something else */
  constructor(models: ServedModel | Readonly<Record<string, ServedModel>>) {
    const named = isModel(models) ? { [nameOf(models)]: models } : models
    const entries = Object.entries(named ?? {})
    if (entries.length === 0) throw new TypeError('expected at least one model, received none')
    for (const [name, model] of entries) {
      if (!isModel(model)) throw new TypeError(`models.${name}: expected a loaded model (LLM)`)
    }
    this.#byName = new Map(
      entries.map(([name, model]) => [
        name,
        { name, model, fingerprint: fingerprintOf(model), defaults: defaultsOf(model) },
      ]),
    )
  }

  get all(): NamedModel[] {
    return [...this.#byName.values()]
  }

  /**
   * The model that a request names; one that names none gets the only one there is.
   * @throws ApiError 400 for a name that is no text or is missing, 404 for an unknown one
   */
  of(name: unknown): NamedModel {
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
}

function isModel(value: unknown): value is ServedModel {
  return typeof (value as ServedModel | undefined)?.stream === 'function'
}

/** The last part of where it lies. */
function nameOf(model: ServedModel): string {
  return basename(model.info.source.path).replace(/\.gguf$/i, '')
}

function fingerprintOf({ info }: ServedModel): string {
  const { versions, folder, device, runner, precision } = info
  const text = JSON.stringify([versions.package, versions.openvino, folder, device, runner, precision])
  return `fp_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
}

function defaultsOf({ info }: ServedModel): GenerationOptions {
  const set = Object.entries(info.generationDefaults).filter(([, { source }]) => source !== 'built-in')
  return Object.fromEntries(set.map(([name, { value }]) => [name, value]))
}
