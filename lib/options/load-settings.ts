import { type LoadOptions, loadTable } from './load.js'
import { mergeOptions, type Rows } from './table.js'

/** Who can set an option of a load, the strongest first. */
export type LoadSource = 'LoadOptions' | 'model.yaml' | 'built-in'

/** What a load was done with: the value of each option that has one, and who set it. Functions, the signal and `defaults` are left out. */
export type LoadSettings = { [Name in keyof LoadOptions]?: { value: LoadOptions[Name]; source: LoadSource } }

/** Options that are no settings of the model: what goes on during a load, and defaults, which have sources of their own. */
const others: readonly string[] = ['defaults', 'signal', 'onProgress', 'onWarning']

/** Options that stand for a property of OpenVINO, which each replaces. */
const properties: Readonly<Record<string, readonly string[]>> = {
  threads: ['INFERENCE_NUM_THREADS'],
  reserveCore: ['INFERENCE_NUM_THREADS'],
  precision: ['INFERENCE_PRECISION_HINT'],
  kvCachePrecision: ['KV_CACHE_PRECISION', 'KEY_CACHE_PRECISION', 'VALUE_CACHE_PRECISION'],
}

/** A caller's options over those of a model.yaml; properties of OpenVINO one by one. */
export function overYaml(options: LoadOptions, yaml: LoadOptions): LoadOptions {
  const weaker = { ...yaml }
  const ovConfig: Record<string, string | number | boolean> = { ...yaml.ovConfig }
  for (const [option, names] of Object.entries(properties)) {
    const asked = options[option as keyof LoadOptions] !== undefined
    // Either says the same, so what the caller says in one way, the file does not say in the other.
    if (asked) for (const name of names) delete ovConfig[name]
    if (names.some((name) => options.ovConfig?.[name] !== undefined)) delete weaker[option as keyof LoadOptions]
  }
  if (options.reserveCore) delete weaker.threads
  const both = { ...ovConfig, ...options.ovConfig }
  return { ...mergeOptions(weaker, options), ...(Object.keys(both).length > 0 && { ovConfig: both }) }
}

/** What a load is done with, and who said so. */
export function describeLoad(options: LoadOptions, yaml: LoadOptions): LoadSettings {
  const merged = overYaml(options, yaml)
  return Object.fromEntries(
    Object.entries<Rows[string]>(loadTable).flatMap(([option, row]) => {
      const name = option as keyof LoadOptions
      const value = merged[name] ?? row.default
      if (others.includes(name) || value === undefined) return []
      const source =
        options[name] !== undefined ? 'LoadOptions' : merged[name] !== undefined ? 'model.yaml' : 'built-in'
      return [[name, { value: value instanceof URL ? value.href : value, source }]]
    }),
  )
}
