/** What the default size of the KV cache depends on. */
export interface KvCacheNeeds {
  /** `LoadOptions.kvCacheBytes`. */
  kvCacheBytes: number | undefined
  /** Tokens of the longest request. */
  contextLength: number
  /** Keys and values of one token in all layers, or undefined when the model's files do not tell. */
  valuesPerToken: number | undefined
  /** OpenVINO's name of the precision that they are kept in. */
  precision: string
  /** Bytes that the weights will take. */
  weightsBytes: number
  /** Bytes of memory that are left to the process. */
  available: number
  /** Whether it takes memory only as it is used; else it is one context. */
  lazy: boolean
}

/** Requests of full length that the cache holds by default; it comes into being only as far as it is used. */
const contexts = 4
/** Of the memory that weights leave free. */
const share = 0.5
/** The addon wants finite numbers. */
const unbounded = 2 ** 53

/** Bytes of a key or value. u8 and u4 keep scales and zero points besides. A precision that is not here counts as the largest. */
const valueBytes: Readonly<Record<string, number>> = { u4: 0.75, u8: 1.25, i8: 1.25, f16: 2, bf16: 2, f32: 4 }

/** Bytes that a key or value takes in this precision. */
export function kvValueBytes(precision: string): number {
  return valueBytes[precision.toLowerCase()] ?? 4
}

/**
 * Tokens and bytes that the KV cache may have. By default four full contexts, fewer when they would take more than half of the memory
 * that is free, but always one: with less no request could have the context that the model promises.
 */
export function kvCacheSize(needs: KvCacheNeeds): { kvTokens: number; kvBytes: number } {
  const { kvCacheBytes, contextLength, valuesPerToken, precision, weightsBytes, available, lazy } = needs
  if (kvCacheBytes !== undefined) return { kvTokens: unbounded, kvBytes: kvCacheBytes }
  if (valuesPerToken === undefined || !lazy) return { kvTokens: contextLength, kvBytes: unbounded }
  const affordable = (share * (available - weightsBytes)) / (valuesPerToken * kvValueBytes(precision))
  const kvTokens = Math.max(contextLength, Math.min(contexts * contextLength, Math.floor(affordable)))
  return { kvTokens, kvBytes: unbounded }
}
