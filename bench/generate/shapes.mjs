// @ts-check

/**
 * @typedef {object} Shape of a Phi-3, Llama or Qwen3-MoE decoder
 * @property {number} layers ≥ 2
 * @property {number} hidden a multiple of `group`
 * @property {number} heads
 * @property {number} kvHeads divides `heads`
 * @property {number} headDim even; heads · headDim is a multiple of `group`
 * @property {number} ffn a multiple of `group`
 * @property {number} vocabulary
 * @property {number} context positions
 * @property {number} slidingWindow positions that a token sees; 0: all
 * @property {number} group weights that share a scale and a zero point in the IR
 * @property {{ count: number, each: number }} [experts] how many, of `ffn` each, and how many a token goes through
 */

const family = { vocabulary: 32064, context: 4096, slidingWindow: 2047, group: 128 }

/**
 * Shapes by the name that the bench knows them by. `phi-3-tiny` is for trying the bench itself.
 * @type {Record<string, Shape>}
 */
export const shapes = {
  'phi-3-tiny': { ...family, layers: 3, hidden: 256, heads: 4, kvHeads: 4, headDim: 64, ffn: 512 },
  'phi-3-mini': { ...family, layers: 32, hidden: 3072, heads: 32, kvHeads: 32, headDim: 96, ffn: 8192 },
  // Its sizes, in Phi-3's graph: q, k and v are one matrix, and the head is a matrix of its own.
  'llama-3.2-1b': {
    ...family,
    layers: 16,
    hidden: 2048,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    ffn: 8192,
    vocabulary: 128256,
  },
  'phi-3-medium': { ...family, layers: 40, hidden: 5120, heads: 40, kvHeads: 10, headDim: 128, ffn: 17920 },
}

/**
 * Mixtures of experts. Qwen3-30B-A3B has 48 layers and 151,936 tokens. `qwen3-moe-tiny` is for trying the bench itself.
 * @type {Record<string, Shape & Required<Pick<Shape, 'experts'>>>}
 */
export const mixtures = {
  'qwen3-moe-tiny': {
    ...family,
    slidingWindow: 0,
    layers: 3,
    hidden: 256,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    ffn: 128,
    experts: { count: 8, each: 2 },
  },
  'qwen3-30b-a3b': {
    ...family,
    slidingWindow: 0,
    layers: 4,
    hidden: 2048,
    heads: 32,
    kvHeads: 4,
    headDim: 128,
    ffn: 768,
    experts: { count: 128, each: 8 },
  },
}

/**
 * Rows and columns of a weight of the IR; of experts, those of one.
 * @param {Shape} shape
 * @param {string} name as in `layers.0.mlp.down_proj`
 * @returns {[number, number]}
 */
export function weightSize({ hidden, heads, kvHeads, headDim, ffn, vocabulary, experts }, name) {
  const kind = name.slice(name.lastIndexOf('.') + 1)
  switch (kind) {
    case 'q_proj':
      return [heads * headDim, hidden]
    case 'k_proj':
    case 'v_proj':
      return [kvHeads * headDim, hidden]
    case 'gate':
      return [experts?.count ?? 0, hidden]
    case '0':
    case '1': // gate and up of experts
      return [ffn, hidden]
    case 'embed_tokens':
    case 'lm_head':
      return [vocabulary, hidden]
    case 'qkv_proj':
      return [(heads + 2 * kvHeads) * headDim, hidden]
    case 'o_proj':
      return [hidden, heads * headDim]
    case 'gate_up_proj':
      return [2 * ffn, hidden]
    case 'down_proj':
      return [hidden, ffn]
    default:
      throw new Error(`${name}: expected a weight of a Phi-3 or Qwen3-MoE model`)
  }
}
