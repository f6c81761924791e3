import { generationTable } from './generation.js'
import type { Option } from './table.js'

/** Ends of answers are no defaults: those of a model's files count beside those of a request. */
const ends: readonly string[] = ['stop_strings', 'eos_token_id']

/** The options that generation_config.json gives defaults for, with the names of its fields. */
export const configOptions = Object.entries<Option>(generationTable).flatMap(([name, rule]) =>
  rule.huggingFace === undefined || ends.includes(rule.huggingFace) ? [] : [{ name, field: rule.huggingFace, rule }],
)

/** Fields of GenerationConfig that change answers, each with the value at which it changes nothing (false: there is none). */
const changingFields: Readonly<Record<string, number | false>> = {
  begin_suppress_tokens: false,
  bad_words_ids: false,
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
  no_repeat_ngram_size: 0,
  penalty_alpha: 0,
  repetition_penalty: 1,
  sequence_bias: false,
  suppress_tokens: false,
  top_h: false,
  typical_p: 1,
  watermarking_config: false,
}

/** Those of them that no option applies. A field leaves this list when an option gets its name. */
export const unsupportedFields = Object.fromEntries(
  Object.entries(changingFields).filter(([name]) => !configOptions.some(({ field }) => field === name)),
)
