import { configOptions, unsupportedFields } from '../options/config-fields.js'
import type { RequestDefaults } from '../options/generation.js'
import { samplingDecision } from '../options/resolve-sampling.js'
import type { FileDefaults } from './definition.js'
import type { JsonObject } from './json-object.js'

/**
 * Reads the defaults that generation_config.json gives to requests.
 *
 * @param contextLength in tokens; a `max_length` below it is reported as not applied
 * @throws LLMError ERR_MODEL_INVALID when a field has a wrong type or lies out of its range
 */
export function readGenerationConfig(config: JsonObject, contextLength: number): FileDefaults {
  const { options, unsupported } = readOptions(config)
  // transformers prefers max_new_tokens where both are given.
  const maxLength = config.integer('max_length', 1)
  if (maxLength !== undefined && options.maxNewTokens === undefined && maxLength < contextLength)
    unsupported.push(`max_length ${maxLength}`)
  return { source: 'generation_config.json', options, unsupported }
}

/**
 * The options of requests among the fields of GenerationConfig.
 * @throws LLMError ERR_MODEL_INVALID, as {@link readGenerationConfig}
 */
export function readOptions(config: JsonObject): Pick<FileDefaults, 'options' | 'unsupported'> {
  const options: RequestDefaults = {}
  for (const { name, field, rule } of configOptions) {
    const value = config.option(field, rule)
    if (value !== undefined) Object.assign(options, { [name]: value })
  }
  const unsupported: string[] = []
  const { numBeams = 1 } = options
  if (numBeams > 1 && samplingDecision([{ source: 'file', options }]).samples) {
    unsupported.push(`num_beams ${numBeams} with sampling`)
    delete options.numBeams
  }
  for (const [name, value] of Object.entries(unsupportedFields)) {
    const found = config.get(name)
    if (found !== undefined && found !== value && !(Array.isArray(found) && found.length === 0))
      unsupported.push(`${name} ${JSON.stringify(found).slice(0, 60)}`)
  }
  return { options, unsupported }
}

/**
 * `stop_strings`; none without a file.
 * @throws LLMError ERR_MODEL_INVALID when they are no texts, or one is empty
 */
export function readStopStrings(config: JsonObject | undefined): string[] {
  if (!config) return []
  const one = config.get('stop_strings')
  const all = typeof one === 'string' ? [one] : (config.strings('stop_strings') ?? [])
  if (all.includes('')) throw config.invalid('stop_strings', 'strings that are not empty')
  return all
}
