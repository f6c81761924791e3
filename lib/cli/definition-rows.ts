import { LLMError } from '../errors.js'
import { withYaml } from '../loading/yaml-definition.js'
import { loadModel } from '../model/load-model.js'
import type { ModelYaml } from '../model-yaml/settings.js'
import { describeDefaults, type GenerationDefaults } from '../options/defaults.js'
import { describeLoad, type LoadSettings } from '../options/load-settings.js'
import { hubSource } from '../references/hub-source.js'
import { type ResolvedModel, resolveReference } from '../references/resolve.js'

/** What a reference would load, and where each value comes from. */
export interface DescribedReference extends Omit<ResolvedModel, 'yaml'> {
  modelYaml: ModelYaml | undefined
  /** Absent for a GGUF, which says so once it is converted. */
  model?: {
    modelType: string
    contextLength: number
    contextReason: string
    stopStrings: string[]
    stopTokenIds: number[]
  }
  /** Options of a load, without those that are built in. */
  load: LoadSettings
  /** Defaults of requests, without those that are built in. */
  requests: GenerationDefaults
}

/**
 * Follows a reference on this machine alone, and converts nothing.
 * @returns in words why it leads nowhere
 */
export async function describeReference(
  reference: string,
  signal: AbortSignal,
): Promise<DescribedReference | { problem: string }> {
  try {
    const context = { hub: hubSource, offline: true, signal, warn: () => {} }
    const { yaml, ...resolved } = await resolveReference(reference, context)
    const definition = /\.gguf$/i.test(resolved.path) ? undefined : withYaml(await loadModel(resolved.path), yaml)
    const ofYaml = yaml ? [{ source: 'model.yaml' as const, options: yaml.defaults }] : []
    const requests = describeDefaults(definition?.defaults ?? ofYaml)
    return {
      ...resolved,
      modelYaml: yaml,
      ...(definition && { model: modelOf(definition) }),
      load: set(describeLoad({}, yaml?.load ?? {})),
      requests: set(requests),
    }
  } catch (error) {
    if (!(error instanceof LLMError)) throw error
    return { problem: error.message }
  }
}

const modelOf = ({
  modelType,
  contextLength,
  contextReason,
  stopStrings,
  stopTokenIds,
}: NonNullable<DescribedReference['model']>) => ({
  ...{ modelType, contextLength, contextReason, stopStrings, stopTokenIds },
})

/** Without what is built in. */
const set = <Settings extends object>(settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([, { source }]) => source !== 'built-in')) as Settings

/** The same as lines: a name and a value. */
export function definitionRows(found: DescribedReference | { problem: string }): [string, string][] {
  if ('problem' in found) return [['loads', `nothing: ${found.problem}`]]
  const { path, modelYaml: yaml, model, load, requests } = found
  const values = (settings: object, name: string) =>
    Object.entries(settings).map(([option, { value, source }]): [string, string] => [
      name,
      `${option} ${JSON.stringify(value)} (${source})`,
    ])
  return [
    ['loads', path],
    ...(yaml ? [['model.yaml', `${yaml.name}, ${yaml.file}`] as [string, string]] : []),
    ...(model
      ? ([
          ['type', model.modelType],
          ['context', `${model.contextLength} tokens (${model.contextReason || 'config.json'})`],
          ['stop ids', model.stopTokenIds.join(', ')],
        ] as [string, string][])
      : []),
    ...(model?.stopStrings ?? yaml?.stopWords ?? []).map((word): [string, string] => [
      'stops at',
      `${JSON.stringify(word)} (${yaml?.stopWords.includes(word) ? 'model.yaml' : 'generation_config.json'})`,
    ]),
    ...values(load, 'load'),
    ...values(requests, 'request'),
    ...(yaml?.warnings ?? []).map((words): [string, string] => ['warning', words]),
  ]
}
