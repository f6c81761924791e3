import type { JsonObject } from './json-object.js'

/**
 * Tokens that a layer with a sliding window sees, by config.json.
 * @returns undefined when the model has none, or says that it does not use it (`use_sliding_window: false`, as Qwen2 does)
 */
export function readSlidingWindow(config: JsonObject): number | undefined {
  const window = config.integer('sliding_window', 0)
  return window === 0 || config.boolean('use_sliding_window') === false ? undefined : window
}

/**
 * How many numbers the keys and values of one token have in all layers: 2 · layers · KV heads · head size.
 * @returns undefined when config.json does not tell, or has other heads in each layer
 */
export function readKvValues(config: JsonObject): number | undefined {
  const size = (name: string): number | undefined => {
    const value = config.get(name)
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined
  }
  const layers = size('num_hidden_layers')
  const heads = size('num_attention_heads')
  const hidden = size('hidden_size')
  const keyHeads = size('num_key_value_heads') ?? heads
  const headSize = size('head_dim') ?? (hidden !== undefined && heads !== undefined ? hidden / heads : undefined)
  if (layers === undefined || keyHeads === undefined || headSize === undefined) return undefined
  return 2 * layers * keyHeads * headSize
}
