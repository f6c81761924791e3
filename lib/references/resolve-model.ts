import type { ModelYaml } from '../model-yaml/settings.js'
import { type LoadOptions, loadTable } from '../options/load.js'
import * as check from '../options/rules.js'
import type { Table } from '../options/table.js'
import { warnOnce } from '../warnings.js'
import { hubSource } from './hub-source.js'
import { resolveReference } from './resolve.js'

/** Options of {@link resolveModel}; they mean what they mean to `LLM.load`. */
export type ResolveOptions = Pick<LoadOptions, 'revision' | 'offline' | 'signal' | 'onProgress' | 'onWarning'>

/** What a reference leads to. */
export interface ResolvedReference {
  /** As it was given. */
  reference: string
  /** On this machine: a folder with an OpenVINO model, its openvino_model.xml, or a .gguf file. Whether it can be loaded is not looked at. */
  path: string
  /** The repository that holds it, and which of its commits; null for one of this machine. */
  hub: { repo: string; commit: string } | null
  /** What the model.yaml says that the reference named; else null. */
  modelYaml: ModelYaml | null
}

const { revision, offline, signal, onProgress, onWarning } = loadTable
const table = { revision, offline, signal, onProgress, onWarning } as const satisfies Table<ResolveOptions>

/**
 * Follows a reference to a model, and downloads what is not on this machine. Nothing is loaded.
 *
 * @throws TypeError for what is no reference, and for options that are unknown or wrong; LLMError `ERR_REFERENCE`, `ERR_UNSUPPORTED_MODEL`,
 * `ERR_MODEL_*`, `ERR_NETWORK`, `ERR_ACCESS`, `ERR_OFFLINE`, `ERR_INTEGRITY`, `ERR_DISK_FULL`, `ERR_CACHE`; `signal.reason` when aborted
 */
export async function resolveModel(model: string | URL, options: ResolveOptions = {}): Promise<ResolvedReference> {
  check.checkOptions(options, table, 'ResolveOptions')
  const { onWarning, ...rest } = options
  const { reference, path, hub, yaml } = await resolveReference(model, {
    ...rest,
    hub: hubSource,
    warn: warnOnce(onWarning),
  })
  return { reference, path, hub: hub ?? null, modelYaml: yaml ?? null }
}
