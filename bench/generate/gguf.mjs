// @ts-check
import { blocks, norm } from './content.mjs'
import { layOutGguf } from './gguf-writer.mjs'
import { Noise } from './noise.mjs'
import { writePieces } from './stream.mjs'

/** @typedef {import('./shapes.mjs').Shape} Shape */

const types = { f32: 0, q4_0: 2, q8_0: 8 }

/** Values of a block of Q4_0 or Q8_0. */
const blockValues = 32
/** With its scale of 2 bytes. */
const blockBytes = { q4_0: 18, q8_0: 34 }

/**
 * Writes a Llama with random weights, Q4_0 with an output of Q8_0: to a runtime for GGUF the same work as the IR of this
 * shape. (llama.cpp's phi3 has no different sizes, only the fused weights in one piece. Experts are those of a Mixtral.)
 * @param {string} path
 * @param {Shape} shape
 */
export async function writeGguf(path, shape) {
  const { pieces, size } = layOutGguf(metadata(shape), tensors(shape))
  await writePieces(path, pieces, new Noise(2), size)
}

/**
 * @param {Shape} shape
 * @returns {import('./gguf-writer.mjs').GgufTensor[]}
 */
function tensors({ layers, hidden, heads, kvHeads, headDim, ffn, vocabulary, experts }) {
  const floats = (/** @type {string} */ name) => ({ name, dims: [hidden], type: types.f32, content: norm(hidden) })
  /** @param {string} name @param {number} rows @param {number} columns @param {'q4_0' | 'q8_0'} [type] @param {number[]} [stack] */
  const matrix = (name, rows, columns, type = 'q4_0', stack = []) => {
    // Random weights of 4 and 8 bits deviate by 4.6 and 74 around the middle: sums keep their variance.
    const scale = 1 / (Math.sqrt(columns) * (type === 'q4_0' ? 4.6 : 74))
    const count = ((stack[0] ?? 1) * rows * columns) / blockValues
    return { name, dims: [columns, rows, ...stack], type: types[type], content: blocks(count, blockBytes[type], scale) }
  }
  const width = heads * headDim
  const keys = kvHeads * headDim
  return [
    matrix('token_embd.weight', vocabulary, hidden),
    floats('output_norm.weight'),
    matrix('output.weight', vocabulary, hidden, 'q8_0'),
    ...Array.from({ length: layers }, (_, layer) => [
      floats(`blk.${layer}.attn_norm.weight`),
      matrix(`blk.${layer}.attn_q.weight`, width, hidden),
      matrix(`blk.${layer}.attn_k.weight`, keys, hidden),
      matrix(`blk.${layer}.attn_v.weight`, keys, hidden),
      matrix(`blk.${layer}.attn_output.weight`, hidden, width),
      floats(`blk.${layer}.ffn_norm.weight`),
      ...(experts
        ? [
            matrix(`blk.${layer}.ffn_gate_inp.weight`, experts.count, hidden, 'q8_0'),
            matrix(`blk.${layer}.ffn_gate_exps.weight`, ffn, hidden, 'q4_0', [experts.count]),
            matrix(`blk.${layer}.ffn_up_exps.weight`, ffn, hidden, 'q4_0', [experts.count]),
            matrix(`blk.${layer}.ffn_down_exps.weight`, hidden, ffn, 'q4_0', [experts.count]),
          ]
        : [
            matrix(`blk.${layer}.ffn_gate.weight`, ffn, hidden),
            matrix(`blk.${layer}.ffn_up.weight`, ffn, hidden),
            matrix(`blk.${layer}.ffn_down.weight`, hidden, ffn),
          ]),
    ]).flat(),
  ]
}

/**
 * @param {Shape} shape
 * @returns {Record<string, import('./gguf-writer.mjs').GgufValue>}
 */
function metadata({ layers, hidden, heads, kvHeads, headDim, ffn, vocabulary, context, experts }) {
  // Three special tokens, one for each byte, and names for the rest.
  const tokens = Array.from({ length: vocabulary }, (_, id) => {
    if (id < 3) return /** @type {string} */ (['<unk>', '<s>', '</s>'][id])
    return id < 259 ? `<0x${(id - 3).toString(16).toUpperCase().padStart(2, '0')}>` : `t${id - 259}`
  })
  const kind = (/** @type {number} */ id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)
  return {
    'general.architecture': 'llama',
    'general.name': 'random weights',
    'general.file_type': 2,
    'llama.context_length': context,
    'llama.embedding_length': hidden,
    'llama.block_count': layers,
    'llama.feed_forward_length': ffn,
    'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': kvHeads,
    'llama.rope.dimension_count': headDim,
    'llama.attention.key_length': headDim,
    'llama.attention.value_length': headDim,
    ...(experts && { 'llama.expert_count': experts.count, 'llama.expert_used_count': experts.each }),
    'llama.vocab_size': vocabulary,
    'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'llama.rope.freq_base': { f32: 10_000 },
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': { f32s: tokens.map(() => 0) },
    'tokenizer.ggml.token_type': tokens.map((_, id) => kind(id)),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
  }
}
