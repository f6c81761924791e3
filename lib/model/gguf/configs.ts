import { LLMError } from '../../errors.js'
import { ggufFamilies, refusedGgufs } from '../families.js'
import type { GgufHeader } from './metadata.js'
import { readStopTokenIds, readVocabulary } from './vocabulary.js'

/** Contents of the two files that describe the model. */
export interface ConfigFiles {
  /** config.json. */
  config: Record<string, unknown>
  /** generation_config.json. */
  generation: Record<string, unknown>
}

/**
 * Makes config.json and generation_config.json from GGUF metadata. They are for reading, the graph itself comes from the GGUF.
 *
 * @throws LLMError ERR_UNSUPPORTED_MODEL for an architecture that the runtime does not convert, ERR_MODEL_INVALID for damaged metadata
 */
export function configFiles(header: GgufHeader): ConfigFiles {
  const { architecture, metadata, path, tensors } = header
  const family = Object.hasOwn(ggufFamilies, architecture) ? ggufFamilies[architecture] : undefined
  if (!family) {
    const cause = Object.hasOwn(refusedGgufs, architecture) ? `: ${refusedGgufs[architecture]}` : ''
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${path}: expected "general.architecture" to be one of ${Object.keys(ggufFamilies).join(', ')}, found ${JSON.stringify(architecture)}${cause}`,
    )
  }
  const vocabulary = readVocabulary(metadata)
  const required = (name: string): number => {
    const key = `${architecture}.${name}`
    const value = metadata.integer(key, 1)
    if (value === undefined) throw metadata.invalid(key, 'a positive integer')
    return value
  }
  const integer = (name: string): number | undefined => metadata.integer(`${architecture}.${name}`, 0)
  // Some architectures have one value per layer.
  const perLayer = (name: string): number | number[] | undefined => {
    const key = `${architecture}.${name}`
    return Array.isArray(metadata.get(key)) ? metadata.numbers(key) : metadata.integer(key, 0)
  }

  const rows = tensors.get('token_embd.weight')?.[1] ?? vocabulary.tokens.length
  if (rows < vocabulary.tokens.length)
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${path}: expected at most ${rows} tokens, the rows of token_embd.weight, found ${vocabulary.tokens.length}`,
    )
  const heads = perLayer('attention.head_count')
  const special = { bos_token_id: vocabulary.bos, pad_token_id: vocabulary.padding }
  const stops = readStopTokenIds(vocabulary)
  return {
    config: {
      architectures: [family.className],
      model_type: family.modelType,
      ...special,
      eos_token_id: vocabulary.eos,
      max_position_embeddings: required('context_length'),
      hidden_size: required('embedding_length'),
      // Layers that guess further tokens are counted, but not computed.
      num_hidden_layers: required('block_count') - (integer('nextn_predict_layers') ?? 0),
      num_attention_heads: heads,
      num_key_value_heads: perLayer('attention.head_count_kv') ?? heads,
      head_dim: integer('attention.key_length') ?? integer('rope.dimension_count'),
      intermediate_size: perLayer('feed_forward_length'),
      rms_norm_eps: metadata.number(`${architecture}.attention.layer_norm_rms_epsilon`),
      rope_theta: metadata.number(`${architecture}.rope.freq_base`),
      rope_scaling: ropeScaling(header) ?? null,
      sliding_window: integer('attention.sliding_window') || null,
      tie_word_embeddings: !tensors.has('output.weight'),
      vocab_size: rows,
    },
    generation: { ...special, eos_token_id: stops.length === 1 ? stops[0] : stops },
  }
}

/** The factors themselves are tensors of the GGUF and end up in the graph. */
function ropeScaling({ architecture, metadata, path, tensors }: GgufHeader): Record<string, unknown> | undefined {
  const key = `${architecture}.rope.scaling.original_context_length`
  const original = metadata.integer(key, 1)
  if (tensors.has('rope_factors_long.weight')) {
    if (original === undefined)
      throw new LLMError(
        'ERR_UNSUPPORTED_MODEL',
        `${path}: the model has LongRoPE factors, so expected "${key}", found nothing`,
      )
    return { rope_type: 'longrope', original_max_position_embeddings: original }
  }
  const type = metadata.string(`${architecture}.rope.scaling.type`)
  if (type === undefined || type === 'none') return undefined
  const factor = metadata.number(`${architecture}.rope.scaling.factor`)
  return { rope_type: type, factor, original_max_position_embeddings: original }
}
