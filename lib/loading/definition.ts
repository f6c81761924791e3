import type { ModelDefinition } from '../model/definition.js'
import { loadModel } from '../model/load-model.js'
import type { LoadOptions } from '../options/load.js'
import { overYaml } from '../options/load-settings.js'
import { hubSource } from '../references/hub-source.js'
import { type ResolvedModel, resolveReference } from '../references/resolve.js'
import type { Warn } from '../warnings.js'
import { withYaml } from './yaml-definition.js'

/** What the files of a load say. */
export interface Definitions {
  definition: ModelDefinition
  /** The draft model, if one was asked for. */
  draft: ModelDefinition | undefined
}

/** How a reference is followed, and what its files are read with. */
export type ReferenceOptions = Pick<LoadOptions, 'revision' | 'offline' | 'signal' | 'onProgress'>

/** One model, from its reference to what its files say. */
export interface OpenedReference {
  resolved: ResolvedModel
  definition: ModelDefinition
}

/**
 * Follows a reference and reads the files of what it names; a GGUF is converted first, once.
 * @param options.check whether a converted model is checked; default true
 * @throws LLMError those of `resolveReference`, and `ERR_MODEL_*`, `ERR_UNSUPPORTED_MODEL`, `ERR_CONVERT`, `ERR_CACHE`; `signal.reason` when
 * aborted
 */
export async function openReference(
  model: string | URL,
  options: ReferenceOptions & { check?: boolean | undefined },
  warn: Warn,
): Promise<OpenedReference> {
  const { revision, offline, signal, onProgress, check } = options
  const resolved = await resolveReference(model, { hub: hubSource, revision, offline, signal, onProgress, warn })
  const definition = await loadModel(resolved.path, { signal, onProgress, check })
  return { resolved, definition: withYaml(definition, resolved.yaml) }
}

/**
 * Follows the references to a model and to its draft model.
 * @returns also the options with what a model.yaml sets below them
 * @throws as {@link openReference}
 */
export async function readDefinitions<Options extends ReferenceOptions & Pick<LoadOptions, 'draftModel'>>(
  model: string | URL,
  options: Options,
  warn: Warn,
): Promise<Definitions & { resolved: ResolvedModel; options: Options }> {
  const { resolved, definition } = await openReference(model, options, warn)
  // A revision is one repository's.
  const forDraft = { ...options, revision: undefined }
  const draft = options.draftModel === undefined ? undefined : await openReference(options.draftModel, forDraft, warn)
  const merged = resolved.yaml ? (overYaml(options, resolved.yaml.load) as Options) : options
  return { resolved, definition, draft: draft?.definition, options: merged }
}
