import { readSlidingWindow } from './attention-config.js'
import type { JsonObject } from './json-object.js'

/** A length of sequences beyond which a model attends, or places its tokens, in another way. */
export interface Border {
  /** Where it is known from, e.g. `attention_chunk_size`. */
  name: string
  /** In tokens, ≥ 1. */
  tokens: number
}

/** Fields of model families for the tokens that a layer sees, but for `sliding_window`, which some files hold and do not use. */
const windows = [
  'window_size', // GPT-Neo
  'attention_chunk_size', // Llama 4
  'attention_window_size', // RecurrentGemma
  'sliding_window_size', // MPT, in attn_config
  'local_window_size',
  'floor_scale', // Llama 4: queries are scaled from here on
] as const

/** Kinds of RoPE that treat every position alike, however long the sequence is. */
const fixedRope = ['default', 'linear', 'yarn', 'llama3', 'proportional', 'mrope']

/**
 * Borders by config.json, ascending. One beyond the context is left out: it is never reached. Fields of other types than a positive integer
 * say nothing.
 */
export function readAttentionBorders(config: JsonObject, contextLength: number): Border[] {
  const found: Border[] = []
  const add = (name: string, tokens: unknown): void => {
    if (typeof tokens !== 'number' || !Number.isSafeInteger(tokens) || tokens < 1 || tokens >= contextLength) return
    if (!found.some((border) => border.tokens === tokens)) found.push({ name, tokens })
  }
  add('sliding_window', readSlidingWindow(config))
  for (const source of [config, nested(config, 'attn_config')]) for (const name of windows) add(name, source?.get(name))
  const original = 'original_max_position_embeddings'
  for (const rope of ropesOf(config)) {
    const type = rope.get('rope_type') ?? rope.get('type')
    if (typeof type === 'string' && !fixedRope.includes(type)) add(original, rope.get(original) ?? config.get(original))
  }
  return found.sort((a, b) => a.tokens - b.tokens)
}

/** `rope_scaling` of transformers 4, `rope_parameters` of 5, which may hold one for each type of layer. */
export function ropesOf(config: JsonObject): JsonObject[] {
  return ['rope_scaling', 'rope_parameters'].flatMap((name) => {
    const rope = nested(config, name)
    if (!rope) return []
    return [rope, ...Object.keys(rope.data).flatMap((type) => nested(rope, type) ?? [])]
  })
}

function nested(config: JsonObject, name: string): JsonObject | undefined {
  const value = config.get(name)
  return typeof value === 'object' && !Array.isArray(value) ? config.object(name) : undefined
}
