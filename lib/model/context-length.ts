import { LLMError } from '../errors.js'
import type { JsonObject } from './json-object.js'

/** Names under which model families keep their context length, the usual one first. */
const fields = [
  'max_position_embeddings',
  'n_positions',
  'n_ctx',
  'max_seq_len',
  'seq_length',
  'max_sequence_length',
] as const

/** Context length in tokens, and why it is less than config.json says ('' when it is not). */
export interface ContextLength {
  contextLength: number
  contextReason: string
}

/**
 * Reads the context length from config.json.
 *
 * LongRoPE (`longrope`, earlier `su`) switches to other position factors beyond `original_max_position_embeddings`: keys that
 * were cached before the switch are wrong after it, and some exports lack the second set of factors. So the context ends there.
 *
 * @param config the part of config.json that describes the text model
 * @throws LLMError ERR_MODEL_INVALID when no field, or a wrong one, tells the context length
 */
export function readContextLength(config: JsonObject): ContextLength {
  const field = fields.find((name) => config.has(name))
  const contextLength = field && config.integer(field, 1)
  if (field === undefined || contextLength === undefined)
    throw new LLMError('ERR_MODEL_INVALID', `${config.file}: expected one of ${fields.join(', ')}, found none of them`)

  const original = readLongRopeOriginal(config)
  if (original === undefined || original >= contextLength) return { contextLength, contextReason: '' }
  return {
    contextLength: original,
    contextReason:
      `capped at original_max_position_embeddings (${original}) of config.json although ${field} is ${contextLength}: ` +
      'this version does not apply the long position factors of LongRoPE',
  }
}

function readLongRopeOriginal(config: JsonObject): number | undefined {
  const rope = config.object('rope_scaling') ?? config.object('rope_parameters')
  const type = rope?.string('rope_type') ?? rope?.string('type')
  if (type !== 'longrope' && type !== 'su') return undefined
  const original = 'original_max_position_embeddings'
  return rope?.integer(original, 1) ?? config.integer(original, 1)
}
