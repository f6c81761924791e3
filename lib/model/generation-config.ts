import { configSampling, unsupportedFields } from '../options/sampling.js'
import type { GenerationDefaults } from './definition.js'
import type { JsonObject } from './json-object.js'

/**
 * Reads generation_config.json.
 *
 * @param contextLength in tokens; a `max_length` below it is reported as not applied
 * @throws LLMError ERR_MODEL_INVALID when a field has a wrong type or lies out of its range
 */
export function readGenerationConfig(config: JsonObject | undefined, contextLength: number): GenerationDefaults {
  const defaults: GenerationDefaults = { doSample: false, stopStrings: [], unsupported: [] }
  if (!config) return defaults

  for (const { name, field, rule } of configSampling) {
    const value = config.option(field, rule)
    if (value !== undefined) Object.assign(defaults, { [name]: value })
  }
  const maxNewTokens = config.integer('max_new_tokens', 1)
  if (maxNewTokens !== undefined) defaults.maxNewTokens = maxNewTokens
  defaults.stopStrings =
    typeof config.get('stop_strings') === 'string'
      ? [config.string('stop_strings') ?? '']
      : (config.strings('stop_strings') ?? [])
  if (defaults.stopStrings.includes('')) throw config.invalid('stop_strings', 'strings that are not empty')

  for (const [name, value] of Object.entries(unsupportedFields)) {
    const found = config.get(name)
    if (found !== undefined && found !== value && !(Array.isArray(found) && found.length === 0))
      defaults.unsupported.push(`${name} ${JSON.stringify(found).slice(0, 60)}`)
  }
  const maxLength = config.integer('max_length', 1)
  // transformers prefers max_new_tokens where both are given.
  if (maxLength !== undefined && maxNewTokens === undefined && maxLength < contextLength)
    defaults.unsupported.push(`max_length ${maxLength}`)
  return defaults
}
