import { LLMError } from '../errors.js'
import type { ModelDefinition } from '../model/definition.js'
import { verdictFor } from '../model/verdict.js'
import { type LoadOptions, loadDefaults } from '../options/load.js'
import type { Warn } from '../warnings.js'
import type { SettledDevice } from './device.js'

/** What the addon is asked for, and why if this package decided it; '' leaves the reason to the addon. */
export interface RunnerChoice {
  runner: 'auto' | 'paged' | 'stateful'
  reason: string
}

/**
 * `auto` is left to the addon, which knows processor and graph, unless the device cannot page or the model's stored verdict says that it
 * must not.
 * @throws LLMError `ERR_DEVICE` when `engine` asks for what the device cannot do, `ERR_UNSUPPORTED_MODEL` for a draft model without the
 * paged runner; TypeError for a draft model with `engine: 'stateful'`
 */
export function chooseRunner(
  { engine = loadDefaults.engine, draftModel }: Pick<LoadOptions, 'engine' | 'draftModel'>,
  { name: device, kind }: { name: string; kind: Pick<SettledDevice['kind'], 'pagedCache'> },
  definition: Pick<ModelDefinition, 'folder' | 'verdict'>,
  openvino: string,
  warn: Warn,
): RunnerChoice {
  if (engine === 'stateful') {
    if (draftModel !== undefined) {
      throw new TypeError("expected engine to be 'auto' or 'paged' with draftModel, received 'stateful'")
    }
    return { runner: 'stateful', reason: 'option engine' }
  }
  const { verdict } = definition
  // What one version computed wrongly, another may compute rightly: whoever wants to know checks again.
  const outdated =
    verdict && !verdictFor(definition, openvino)
      ? ` (found with OpenVINO ${verdict.openvino} or in an older way: check again)`
      : ''
  const doubt =
    verdict?.faithful === false ? `the stored check of ${definition.folder} says: ${verdict.reason}${outdated}` : ''
  if (engine === 'paged') {
    if (!kind.pagedCache) throw new LLMError('ERR_DEVICE', `option engine: this version does not page on ${device}`)
    if (doubt !== '') warn('unfaithful-model', `engine 'paged' was asked for although ${doubt}`)
    return { runner: 'paged', reason: 'option engine' }
  }
  const obstacle = kind.pagedCache ? doubt : `this version does not page on ${device}`
  if (obstacle === '') return { runner: 'auto', reason: '' }
  if (draftModel !== undefined) {
    throw new LLMError('ERR_UNSUPPORTED_MODEL', `option draftModel: it needs the paged engine, but ${obstacle}`)
  }
  return { runner: 'stateful', reason: obstacle }
}
