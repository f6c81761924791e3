import { ropesOf } from './attention-borders.js'
import type { JsonObject } from './json-object.js'

/**
 * What only some families of models do. Everything else in this package asks a model's files for features, never for its name.
 */

/** A family whose GGUFs are converted: its names in transformers, and what the file does not say. */
export interface GgufFamily {
  modelType: string
  className: string
  /** The layers for which a window holds are known. */
  windows?: true
  /** A window holds for every layer, which the front end gives to every other one. */
  windowEverywhere?: true
  /** Layers with a window rotate by a base of their own, which is not scaled. */
  localRope?: true
  /** Tensors that only this family has. Those named nextn guess further tokens and are left out. */
  ownTensors?: RegExp
  /** Only the plain RoPE was compared. */
  unscaled?: true
  /** Of so many layers, the last rotates nothing. */
  unrotatedEvery?: number
  /** A model of so many layers, Gemma's of 27 billion parameters, has a scale of attention that the file does not hold. */
  otherScaleAt?: number
}

/** By `general.architecture` of a GGUF. */
export const ggufFamilies: Readonly<Record<string, GgufFamily>> = {
  llama: { modelType: 'llama', className: 'LlamaForCausalLM' },
  phi3: { modelType: 'phi3', className: 'Phi3ForCausalLM', windows: true, windowEverywhere: true },
  qwen2: { modelType: 'qwen2', className: 'Qwen2ForCausalLM' },
  qwen3: { modelType: 'qwen3', className: 'Qwen3ForCausalLM' },
  qwen35: {
    modelType: 'qwen3_5_text',
    className: 'Qwen3_5ForCausalLM',
    unscaled: true,
    ownTensors:
      /^blk\.\d+\.(attn_gate\.weight|ssm_a|ssm_dt\.bias|ssm_(beta|alpha|conv1d|norm|out)\.weight|nextn\.\w+\.weight)$/,
  },
  gemma: { modelType: 'gemma', className: 'GemmaForCausalLM' },
  gemma2: { modelType: 'gemma2', className: 'Gemma2ForCausalLM', windows: true, otherScaleAt: 46 },
  gemma3: {
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    windows: true,
    localRope: true,
    otherScaleAt: 62,
  },
  mistral3: { modelType: 'ministral3', className: 'Ministral3ForCausalLM' },
  minicpm: { modelType: 'minicpm', className: 'MiniCPMForCausalLM' },
  smollm3: { modelType: 'smollm3', className: 'SmolLM3ForCausalLM', unrotatedEvery: 4 },
}

/** Why no mixture of experts is converted, measured with OpenVINO 2026.4.1. */
export const expertsCause =
  'its experts become an operation (GatherMatmul) that OpenVINO writes into a model file and cannot read from one'
const experts = `a mixture of experts: ${expertsCause}`
const unknownCode = 'transformers has no code of it that its graph could be compared with'

/** Why the other architectures that the front end takes are refused, by `general.architecture`; and `clip`, which stands beside many a model. */
export const refusedGgufs: Readonly<Record<string, string>> = {
  bailingmoe2: experts,
  clip: 'an encoder of images or sound that belongs to another file, no model that generates text',
  'deepseek2-ocr': experts,
  'ernie4_5-moe': experts,
  'exaone-moe': experts,
  exaone4: 'its graph normalizes what goes into attention and MLP, and the model what comes out of them',
  gemma4: 'its graph was not compared with transformers, and its tokenizer is of a kind that is not read',
  glm4moe: experts,
  'gpt-oss': experts,
  'hunyuan-dense': 'its queries and keys are normalized before they are rotated, which the model does after',
  'hunyuan-moe': experts,
  jais2: 'its graph has RMS norms and a gated MLP, and the model has neither',
  'llama-embed': 'it makes embeddings, no text',
  maincoder: unknownCode,
  mellum: experts,
  'minimax-m2': experts,
  'muse-glimmer': unknownCode,
  olmoe: experts,
  plamo3: unknownCode,
  qwen3moe: experts,
}

/** An export that computes other tokens than the original from the first one on, whatever runs it. It is refused. */
export interface WrongExport {
  /** What the export does, for the error. */
  why: string
  /** Of what config.json; every one when undefined. */
  when?: (config: JsonObject) => boolean
}

const otherTokens = "optimum-intel's export of it computes other tokens than the original model"

/**
 * By `model_type`. Measured with optimum-intel 2.2.0, against transformers or, where that lacks the model, against the code of its authors.
 * The scale that DeepSeek-V2 loses is 1.59 for its Lite models: tiny random models choose other tokens in their first answers without it.
 */
export const wrongExports: Readonly<Record<string, WrongExport>> = {
  deepseek_v2: {
    why: `${otherTokens}: it leaves out the scale of attention that config.json asks for (mscale_all_dim in rope_scaling)`,
    when: (config) => ropesOf(config).some(scalesAttention),
  },
  deepseek_v3: { why: `${otherTokens}: it rotates other pairs of dimensions by their positions` },
  gemma3n_text: { why: otherTokens },
  zamba2: { why: otherTokens },
}

/** Whether YaRN multiplies attention scores: by (0.1 · mscale_all_dim · ln(factor) + 1)², 1 for a factor up to 1. */
function scalesAttention(rope: JsonObject): boolean {
  const factor = rope.get('factor')
  return Boolean(rope.get('mscale_all_dim')) && !(typeof factor === 'number' && factor <= 1)
}

/**
 * Model types whose exports compute slightly other logits than transformers, so that some answers differ, and why that is warned of. Measured
 * with optimum-intel 2.2.0 and transformers 5.2.0: one token of 288, which OpenVINO's own run of the graph has wrong as well.
 */
export const inexactExports: Readonly<Record<string, string>> = {
  falcon_mamba:
    "optimum-intel's export of falcon_mamba computes slightly other logits than the original model: where two tokens are about equally likely, answers may differ",
}

/**
 * Whether a chat begins with BOS although neither template nor tokenizer writes it: Phi-3's model cards ask for it.
 * @param modelType `model_type` of config.json
 */
export function chatsNeedBos(modelType: string): boolean {
  return modelType === 'phi3'
}

/**
 * Whether the added tokens of a GGUF swallow the spaces after them, which the file does not say: of the two generations of Phi-3 files with
 * a SentencePiece vocabulary, those that add no BOS do.
 */
export function swallowsSpaces(gguf: { architecture: string; vocabulary: string; addsBos: boolean }): boolean {
  return gguf.architecture === 'phi3' && gguf.vocabulary === 'llama' && !gguf.addsBos
}
