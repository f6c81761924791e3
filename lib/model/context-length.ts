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
  'model_max_length', // Baichuan of 13 billion parameters
] as const

/** Names of the number of attention heads. */
const heads = ['num_attention_heads', 'n_head', 'n_heads'] as const

/** The context of a model without attention: it has neither positions nor keys and values, so nothing in it bounds a sequence. */
const unbounded = 2 ** 20

/** Rows of the table of positions in exports of Qwen of 2023. */
const qwenPositions = 4096

/** What config.json says of the positions. */
export interface ContextLength {
  /** In tokens. */
  contextLength: number
  /**
   * Of a model with LongRoPE (`longrope`, earlier `su`) the length beyond which it needs its second set of position factors, when that is
   * below {@link contextLength}. Whether an export has both sets is seen in its graph only.
   */
  longRopeBorder: number | undefined
}

/**
 * Reads the context length from config.json. A state-space model (`state_size`) without attention needs none: 1,048,576 stands for it.
 *
 * @param config the part of config.json that describes the text model
 * @throws LLMError ERR_MODEL_INVALID when no field, or a wrong one, tells the context length
 */
export function readContextLength(config: JsonObject): ContextLength {
  const field = fields.find((name) => config.has(name))
  const recurrent = config.has('state_size') && !heads.some((name) => config.has(name))
  const declared = field ? config.integer(field, 1) : recurrent ? unbounded : undefined
  const contextLength = declared && Math.min(declared, readQwenEnd(config))
  if (contextLength === undefined)
    throw new LLMError('ERR_MODEL_INVALID', `${config.file}: expected one of ${fields.join(', ')}, found none of them`)

  const original = readLongRopeOriginal(config)
  return { contextLength, longRopeBorder: original === undefined || original >= contextLength ? undefined : original }
}

/**
 * Where an export of Qwen of 2023 (`use_dynamic_ntk`) ends. The model stretches its positions beyond `seq_length`, which an export does not do;
 * and exports of optimum-intel, 2.2.0 at least, hold {@link qwenPositions} of them: all tokens beyond would stand on the last one.
 */
function readQwenEnd(config: JsonObject): number {
  if (!config.has('use_dynamic_ntk')) return Number.POSITIVE_INFINITY
  return Math.min(config.integer('seq_length', 1) ?? qwenPositions, qwenPositions)
}

function readLongRopeOriginal(config: JsonObject): number | undefined {
  const rope = config.object('rope_scaling') ?? config.object('rope_parameters')
  const type = rope?.string('rope_type') ?? rope?.string('type')
  if (type !== 'longrope' && type !== 'su') return undefined
  const original = 'original_max_position_embeddings'
  return rope?.integer(original, 1) ?? config.integer(original, 1)
}
