// @ts-check
import { blocks, fixed, norm } from './content.mjs'
import { Noise } from './noise.mjs'
import { writePieces } from './stream.mjs'

/**
 * @typedef {import('./shapes.mjs').Shape} Shape
 * @typedef {{ name: string, dims: number[], type: number, content: import('./content.mjs').Content }} Tensor `dims` are
 *   in the file's order, the fastest one first
 */

// The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md
const alignment = 32
const version = 3
const kinds = { uint32: 4, float32: 6, string: 8, array: 9 }
const types = { f32: 0, q4_0: 2, q8_0: 8 }

/** Values of a block of Q4_0 and Q8_0. */
const blockValues = 32
/** With its scale of 2 bytes. */
const blockBytes = { q4_0: 18, q8_0: 34 }

/**
 * Writes a Llama with random weights, Q4_0 with an output of Q8_0: to a runtime for GGUF the same work as the IR of this
 * shape. (llama.cpp's phi3 has no different sizes, only the fused weights in one piece.)
 * @param {string} path
 * @param {Shape} shape
 */
export async function writeGguf(path, shape) {
  const list = tensors(shape)
  let end = 0
  const places = list.map(({ content }) => {
    const offset = end
    end = align(offset + content.bytes)
    return offset
  })
  const head = header(metadata(shape), list, places)
  const start = align(head.length)
  const pieces = list.map(({ content }, i) => ({ offset: start + /** @type {number} */ (places[i]), content }))
  await writePieces(path, [{ offset: 0, content: fixed(head) }, ...pieces], new Noise(2), start + end)
}

/**
 * @param {Shape} shape
 * @returns {Tensor[]}
 */
function tensors({ layers, hidden, heads, kvHeads, headDim, ffn, vocabulary }) {
  const floats = (/** @type {string} */ name) => ({ name, dims: [hidden], type: types.f32, content: norm(hidden) })
  /** @param {string} name @param {number} rows @param {number} columns @param {'q4_0' | 'q8_0'} [type] */
  const matrix = (name, rows, columns, type = 'q4_0') => {
    // Random weights of 4 and 8 bits deviate by 4.6 and 74 around the middle: sums keep their variance.
    const scale = 1 / (Math.sqrt(columns) * (type === 'q4_0' ? 4.6 : 74))
    const count = (rows * columns) / blockValues
    return { name, dims: [columns, rows], type: types[type], content: blocks(count, blockBytes[type], scale) }
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
      matrix(`blk.${layer}.ffn_gate.weight`, ffn, hidden),
      matrix(`blk.${layer}.ffn_up.weight`, ffn, hidden),
      matrix(`blk.${layer}.ffn_down.weight`, hidden, ffn),
    ]).flat(),
  ]
}

/**
 * @param {Shape} shape
 * @returns {[string, Buffer][]}
 */
function metadata({ layers, hidden, heads, kvHeads, headDim, ffn, vocabulary, context }) {
  const llama = Object.entries({
    context_length: context,
    embedding_length: hidden,
    block_count: layers,
    feed_forward_length: ffn,
    'attention.head_count': heads,
    'attention.head_count_kv': kvHeads,
    'rope.dimension_count': headDim,
    vocab_size: vocabulary,
  })
  // Three special tokens, one for each byte, and names for the rest.
  const tokens = Array.from({ length: vocabulary }, (_, id) => {
    if (id < 3) return /** @type {string} */ (['<unk>', '<s>', '</s>'][id])
    return id < 259 ? `<0x${(id - 3).toString(16).toUpperCase().padStart(2, '0')}>` : `t${id - 259}`
  })
  const kind = (/** @type {number} */ id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)
  return [
    ['general.architecture', value(kinds.string, text('llama'))],
    ['general.name', value(kinds.string, text('random weights'))],
    ['general.file_type', value(kinds.uint32, uint32(2))],
    ...llama.map(
      ([name, size]) => /** @type {[string, Buffer]} */ ([`llama.${name}`, value(kinds.uint32, uint32(size))]),
    ),
    ['llama.attention.layer_norm_rms_epsilon', value(kinds.float32, float32(1e-5))],
    ['llama.rope.freq_base', value(kinds.float32, float32(10_000))],
    ['tokenizer.ggml.model', value(kinds.string, text('llama'))],
    ['tokenizer.ggml.tokens', array(kinds.string, tokens.map(text))],
    [
      'tokenizer.ggml.scores',
      array(
        kinds.float32,
        tokens.map(() => float32(0)),
      ),
    ],
    [
      'tokenizer.ggml.token_type',
      array(
        5,
        tokens.map((_, id) => uint32(kind(id))),
      ),
    ],
    ['tokenizer.ggml.bos_token_id', value(kinds.uint32, uint32(1))],
    ['tokenizer.ggml.eos_token_id', value(kinds.uint32, uint32(2))],
  ]
}

/**
 * @param {[string, Buffer][]} pairs
 * @param {readonly Tensor[]} list
 * @param {readonly number[]} places of the tensors, counted from the first one
 */
function header(pairs, list, places) {
  return Buffer.concat([
    Buffer.from('GGUF'),
    uint32(version),
    uint64(list.length),
    uint64(pairs.length),
    ...pairs.flatMap(([name, bytes]) => [text(name), bytes]),
    ...list.flatMap(({ name, dims, type }, i) => [
      text(name),
      uint32(dims.length),
      ...dims.map(uint64),
      uint32(type),
      uint64(/** @type {number} */ (places[i])),
    ]),
  ])
}

/** @param {number} size */
const align = (size) => Math.ceil(size / alignment) * alignment

/** @param {number} kind @param {Buffer} bytes */
const value = (kind, bytes) => Buffer.concat([uint32(kind), bytes])

/** @param {number} kind @param {Buffer[]} items */
const array = (kind, items) => value(kinds.array, Buffer.concat([uint32(kind), uint64(items.length), ...items]))

/** @param {string} string */
const text = (string) => Buffer.concat([uint64(Buffer.byteLength(string)), Buffer.from(string)])

/** @param {number} number */
function uint32(number) {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

/** @param {number} number */
function uint64(number) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(number))
  return bytes
}

/** @param {number} number */
function float32(number) {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(number)
  return bytes
}
