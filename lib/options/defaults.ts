import { type GenerationOptions, generationTable, type RequestDefaults } from './generation.js'
import { samplingDecision } from './resolve-sampling.js'
import { mergeOptions, type Rows } from './table.js'

/** Who can set a default of a request, the strongest first. */
export type DefaultsSource = 'LoadOptions.defaults' | 'model.yaml' | 'generation_config.json' | 'README.md' | 'built-in'

/** What one source sets. */
export interface DefaultsLayer {
  source: Exclude<DefaultsSource, 'built-in'>
  options: RequestDefaults
}

/** What a request has that sets nothing: the value of each option that has one, and who set it. Functions are left out. */
export type GenerationDefaults = {
  [Name in keyof RequestDefaults]?: { value: Exclude<RequestDefaults[Name], undefined>; source: DefaultsSource }
}

/** The options that layers set together; the strongest layer comes first. */
export function mergeLayers(layers: readonly Pick<DefaultsLayer, 'options'>[]): GenerationOptions {
  return layers.reduceRight<GenerationOptions>((merged, { options }) => mergeOptions(merged, options), {})
}

/** The defaults of requests with their sources. `doSample` is always there. */
export function describeDefaults(layers: readonly DefaultsLayer[]): GenerationDefaults {
  const builtIn = Object.entries<Rows[string]>(generationTable).flatMap(([name, row]) =>
    row.default === undefined ? [] : [[name, { value: row.default, source: 'built-in' }] as const],
  )
  const set = layers
    .toReversed()
    .flatMap(({ source, options }) =>
      Object.entries(options).flatMap(([name, value]) => (isData(value) ? [[name, { value, source }] as const] : [])),
    )
  const { samples, source } = samplingDecision(layers)
  return Object.fromEntries([...builtIn, ...set, ['doSample', { value: samples, source: source ?? 'built-in' }]])
}

// What is said of a model can be sent to other threads, and functions cannot.
const isData = (value: unknown): boolean => value !== undefined && typeof value !== 'function'
