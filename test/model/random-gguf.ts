import { type GgufValue, writeGguf } from './gguf-writer.js'
import { tinyMetadata } from './tiny-gguf.js'

const [layers, hidden, heads, headSize, inner, rows] = [6, 32, 2, 16, 64, 64] as const

/** Dimensions as GGUF has them: the length of a row first. */
function decoderTensors(extra: Record<string, number>): Record<string, number[]> {
  const tensors: Record<string, number[]> = {
    'token_embd.weight': [hidden, rows],
    'output_norm.weight': [hidden],
  }
  for (let i = 0; i < layers; i++) {
    const layer: Record<string, number[]> = {
      attn_norm: [hidden],
      attn_q: [hidden, heads * headSize],
      attn_k: [hidden, heads * headSize],
      attn_v: [hidden, heads * headSize],
      attn_output: [heads * headSize, hidden],
      ffn_norm: [hidden],
      ffn_gate: [hidden, inner],
      ffn_up: [hidden, inner],
      ffn_down: [inner, hidden],
    }
    for (const [name, size] of Object.entries(extra)) layer[name] = [size]
    for (const [name, shape] of Object.entries(layer)) tensors[`blk.${i}.${name}.weight`] = shape
  }
  return tensors
}

/** The same numbers each time: norms about 1, weights about 0. */
function numbers(): (name: string) => number {
  let state = 1
  return (name) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0 // Numerical Recipes, 7.1
    const uniform = 2 * (state / 2 ** 32) - 1
    return name.includes('norm') ? 1 + 0.1 * uniform : 0.4 * uniform
  }
}

function randomGguf(architecture: string, own: Record<string, GgufValue>, extra: Record<string, number>): Buffer {
  return writeGguf(metadataOf(architecture, own), decoderTensors(extra), numbers())
}

function metadataOf(architecture: string, own: Record<string, GgufValue>): Record<string, GgufValue> {
  const text = Object.entries(tinyMetadata).filter(([key]) => key.startsWith('tokenizer.'))
  return {
    'general.architecture': architecture,
    [`${architecture}.context_length`]: 256,
    [`${architecture}.embedding_length`]: hidden,
    [`${architecture}.block_count`]: layers,
    [`${architecture}.feed_forward_length`]: inner,
    [`${architecture}.attention.head_count`]: heads,
    [`${architecture}.attention.head_count_kv`]: heads,
    [`${architecture}.attention.key_length`]: headSize,
    [`${architecture}.attention.value_length`]: headSize,
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { f32: 1e-6 },
    [`${architecture}.rope.freq_base`]: { f32: 10_000 },
    [`${architecture}.rope.dimension_count`]: headSize,
    ...own,
    ...Object.fromEntries(text),
  }
}

/** A Llama of six layers. */
export const randomLlama = (): Buffer => randomGguf('llama', {}, {})

/** The same in parts, as llama.cpp's gguf-split makes them: so many tensors in each, and the rest in the last. */
export function randomLlamaParts(...counts: number[]): Buffer[] {
  const tensors = Object.entries(decoderTensors({}))
  const split = { 'split.count': counts.length + 1, 'split.tensors.count': tensors.length }
  const number = numbers()
  return [...counts, tensors.length].map((count, part) => {
    const own = part === 0 ? metadataOf('llama', {}) : {}
    return writeGguf({ ...own, 'split.no': part, ...split }, Object.fromEntries(tensors.splice(0, count)), number)
  })
}

/** A Gemma 3 of six layers, of which all but the last see 16 tokens. */
export const randomGemma3 = (): Buffer =>
  randomGguf(
    'gemma3',
    { 'gemma3.attention.sliding_window': 16 },
    { attn_q_norm: headSize, attn_k_norm: headSize, post_attention_norm: hidden, post_ffw_norm: hidden },
  )
