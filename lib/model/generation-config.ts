import type { GenerationDefaults } from './definition.js'
import type { JsonObject } from './json-object.js'

/** Fields that this version does not apply, each with the value at which it changes nothing. */
const neutral: Record<string, number | false> = {
  begin_suppress_tokens: false,
  bad_words_ids: false,
  diversity_penalty: 0,
  encoder_no_repeat_ngram_size: 0,
  encoder_repetition_penalty: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  exponential_decay_length_penalty: false,
  force_words_ids: false,
  forced_bos_token_id: false,
  forced_decoder_ids: false,
  forced_eos_token_id: false,
  guidance_scale: 1,
  max_time: false,
  min_length: 0,
  min_new_tokens: 0,
  min_p: 0,
  no_repeat_ngram_size: 0,
  num_beams: 1,
  penalty_alpha: 0,
  repetition_penalty: 1,
  sequence_bias: false,
  suppress_tokens: false,
  top_h: false,
  typical_p: 1,
  watermarking_config: false,
}

/**
 * Reads generation_config.json.
 *
 * @param contextLength in tokens; a `max_length` below it is reported as not applied
 * @throws LLMError ERR_MODEL_INVALID when a field has a wrong type or lies out of its range
 */
export function readGenerationConfig(config: JsonObject | undefined, contextLength: number): GenerationDefaults {
  const defaults: GenerationDefaults = { doSample: false, stopStrings: [], unsupported: [] }
  if (!config) return defaults

  defaults.doSample = config.boolean('do_sample') ?? false
  const temperature = config.number('temperature', 'a number ≥ 0', (value) => value >= 0)
  const topP = config.number('top_p', 'a number in (0, 1]', (value) => value > 0 && value <= 1)
  const topK = config.integer('top_k', 0)
  const maxNewTokens = config.integer('max_new_tokens', 1)
  if (temperature !== undefined) defaults.temperature = temperature
  if (topP !== undefined) defaults.topP = topP
  if (topK !== undefined) defaults.topK = topK
  if (maxNewTokens !== undefined) defaults.maxNewTokens = maxNewTokens
  defaults.stopStrings =
    typeof config.get('stop_strings') === 'string'
      ? [config.string('stop_strings') ?? '']
      : (config.strings('stop_strings') ?? [])
  if (defaults.stopStrings.includes('')) throw config.invalid('stop_strings', 'strings that are not empty')

  for (const [name, value] of Object.entries(neutral)) {
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
