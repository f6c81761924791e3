import { LLMError } from '../../errors.js'
import { expertsCause, ggufFamilies } from '../families.js'
import type { GgufHeader } from './metadata.js'

/** Tensors that the front end puts into the graph, or that graphMends does. A bias elsewhere would be left out without a word. */
const known: readonly RegExp[] = [
  /^(token_embd|output_norm|output|rope_freqs|rope_factors_short|rope_factors_long)\.weight$/,
  /^blk\.\d+\.(attn_(norm|q|k|v|qkv|output|q_norm|k_norm)|ffn_(norm|gate|up|down)|post_attention_norm|post_ffw_norm)\.weight$/,
  /^blk\.\d+\.attn_(q|k|v|qkv|output)\.bias$/,
]

/** Scalings of RoPE that the graph gets right. */
const scalings = ['none', 'linear', 'yarn', 'longrope']
/** Numbers that the front end does not read, with the values that it computes with. */
const fixed: Readonly<Record<string, number>> = {
  // The name of rope.scaling.factor in files of 2023.
  'rope.scale_linear': 1,
  'rope.scaling.yarn_log_multiplier': 0,
  'rope.scaling.yarn_ext_factor': 1,
  'rope.scaling.yarn_attn_factor': 1,
  'rope.scaling.yarn_beta_fast': 32,
  'rope.scaling.yarn_beta_slow': 1,
  'attention.temperature_scale': 0,
  'attention.clamp_kqv': 0,
  'attention.max_alibi_bias': 0,
}

/**
 * Refuses what OpenVINO 2026.4.1's front end would convert into a graph that computes other tokens than the model, by what the file says.
 * test/model/gguf/architectures.test.ts compares what is left with transformers.
 *
 * @throws LLMError ERR_UNSUPPORTED_MODEL
 */
export function refuseUnfaithful({ path, architecture, metadata, tensors, ropeFactors }: GgufHeader): void {
  const refuse = (text: string): never => {
    throw new LLMError('ERR_UNSUPPORTED_MODEL', `${path}: ${text}`)
  }
  const family = ggufFamilies[architecture]
  const experts = metadata.integer(`${architecture}.expert_count`, 0) ?? 0
  if (experts > 0)
    refuse(
      `a mixture of ${experts} experts ("${architecture}.expert_count"): ${expertsCause}. Export the original model with optimum-intel`,
    )
  for (const [name, expected] of Object.entries(fixed)) {
    const key = `${architecture}.${name}`
    const found = metadata.number(key)
    if (found !== undefined && found !== expected)
      refuse(`expected "${key}" to be ${expected}, all that OpenVINO's GGUF front end computes, found ${found}`)
  }
  if (metadata.boolean(`${architecture}.attention.causal`) === false)
    refuse(`"${architecture}.attention.causal" is false: no model that generates text`)
  const scaling = metadata.string(`${architecture}.rope.scaling.type`)
  if (scaling !== undefined && !scalings.includes(scaling))
    refuse(
      `expected "${architecture}.rope.scaling.type" to be one of ${scalings.join(', ')}, found ${JSON.stringify(scaling)}`,
    )
  if (family?.unscaled && (ropeFactors.size > 0 || (scaling ?? 'none') !== 'none'))
    refuse(`RoPE is scaled, and no graph of a scaled ${architecture} was compared with transformers yet`)
  if (ropeFactors.size > 0 && scaling === 'yarn')
    refuse(`"${architecture}.rope.scaling.type" is "yarn" beside factors of RoPE; either is computed, but not both`)
  const attention = metadata.number(`${architecture}.rope.scaling.attn_factor`) ?? 1
  if (attention !== 1 && !ropeFactors.has('rope_factors_short.weight'))
    refuse(`"${architecture}.rope.scaling.attn_factor" is ${attention} without LongRoPE's factors`)
  const window = metadata.integer(`${architecture}.attention.sliding_window`, 0) ?? 0
  const context = metadata.integer(`${architecture}.context_length`, 1) ?? 0
  if (window > 0 && window < context && !family?.windows)
    refuse(`"${architecture}.attention.sliding_window" is ${window}, and which layers have it is not known`)
  const layers = metadata.integer(`${architecture}.block_count`, 1)
  if (layers !== undefined && layers === family?.otherScaleAt)
    refuse(
      `a ${architecture} of ${layers} layers scales attention in another way than the others, which the file does not say`,
    )
  for (const name of tensors.keys())
    if (!known.some((pattern) => pattern.test(name)) && !family?.ownTensors?.test(name))
      refuse(`tensor ${JSON.stringify(name.slice(0, 80))} is not one that OpenVINO's GGUF front end computes with`)
}
