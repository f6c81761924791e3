import type { ModelDefinition } from '../model/definition.js'
import { loadModel } from '../model/load-model.js'
import type { LoadOptions } from '../options/load.js'

/** What the files of a load say. */
export interface Definitions {
  definition: ModelDefinition
  /** The draft model, if one was asked for. */
  draft: ModelDefinition | undefined
}

/**
 * Reads the files of the model and of its draft model; a GGUF is converted first, once.
 * @throws LLMError `ERR_MODEL_*`, `ERR_UNSUPPORTED_MODEL`, `ERR_CONVERT`, `ERR_CACHE`; `signal.reason` when aborted
 */
export async function readDefinitions(
  model: string | URL,
  { draftModel, signal, onProgress }: Pick<LoadOptions, 'draftModel' | 'signal' | 'onProgress'>,
): Promise<Definitions> {
  const definition = await loadModel(model, { signal, onProgress })
  const draft = draftModel === undefined ? undefined : await loadModel(draftModel, { signal, onProgress })
  return { definition, draft }
}
