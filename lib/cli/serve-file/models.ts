import { LLM } from '../../llm.js'
import { estimate } from '../../loading/estimate.js'
import { type EstimateOptions, estimateTable } from '../../options/estimate.js'
import type { LoadOptions } from '../../options/load.js'
import { optionsOf } from '../../options/table.js'
import type { LazyModel } from '../../server/models/definition.js'
import { warn } from '../report.js'
import type { ServeModel } from './read.js'

/** The models of a serve.yaml, as a server takes them. One that a new reading of the file has not changed is the same object. */
export class FileModels {
  #known = new Map<string, { text: string; model: LazyModel }>()

  read(models: ReadonlyMap<string, ServeModel>): Readonly<Record<string, LazyModel>> {
    const next = new Map(
      [...models].map(([name, model]) => {
        const text = JSON.stringify(model)
        const before = this.#known.get(name)
        return [name, before?.text === text ? before : { text, model: lazyModel(model) }]
      }),
    )
    this.#known = next
    return Object.fromEntries([...next].map(([name, { model }]) => [name, model]))
  }
}

function lazyModel({ reference, aliases, unloadAfter, load, defaults }: ServeModel): LazyModel {
  const options: LoadOptions = { ...load, defaults, onWarning: ({ code, message }) => warn(code, message) }
  return {
    load: async ({ signal }) => await LLM.load(reference, { ...options, signal }),
    bytes: async () => await bytesOf(reference, options),
    aliases,
    unloadAfter,
  }
}

/** What the model takes with as large a KV cache as it may have, where that is bounded, else with one full context. */
async function bytesOf(reference: string, options: LoadOptions): Promise<number> {
  const { total, kvCache } = await estimate(reference, optionsOf<EstimateOptions>(options, estimateTable))
  return total - kvCache + (options.kvCacheBytes ?? kvCache)
}
