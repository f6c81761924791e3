import type { Cursor } from './cursor.js'

/** A row of the table of tensors. */
export interface TensorInfo {
  name: string
  /** The fastest dimension first. */
  shape: readonly number[]
  /** ggml's number. */
  type: number
  /** Counted from the first tensor. */
  offset: number
  /** 0 when the type is not known here, which the runtime then refuses by itself. */
  bytes: number
}

/** [weights, bytes] of one block, by ggml's type number. From ggml's block structures. */
const blocks: Record<number, readonly [number, number]> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  9: [32, 40],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  16: [256, 66],
  17: [256, 74],
  18: [256, 98],
  19: [256, 50],
  20: [32, 18],
  21: [256, 110],
  22: [256, 82],
  23: [256, 136],
  24: [1, 1],
  25: [1, 2],
  26: [1, 4],
  27: [1, 8],
  28: [1, 8],
  29: [256, 56],
  30: [1, 2],
  34: [256, 54],
  35: [256, 66],
  39: [32, 17],
  40: [64, 36],
  41: [128, 18],
}

/** Least bytes of a row: length of its name, number of dimensions, type, offset. */
export const tensorBytes = 24
/** ggml's own limit. */
const maxDimensions = 4

/**
 * Reads the table of tensors.
 *
 * @param count of rows
 * @throws LLMError ERR_MODEL_INVALID
 */
export function readTensorInfos(cursor: Cursor, count: number): Map<string, TensorInfo> {
  const tensors = new Map<string, TensorInfo>()
  for (let i = 0; i < count; i++) {
    const name = cursor.string(`the name of tensor ${i}`)
    const what = `tensor ${JSON.stringify(name.slice(0, 80))}`
    if (tensors.has(name)) throw cursor.invalid(`expected ${what} once, found it twice`)
    const dimensions = cursor.u32()
    if (dimensions > maxDimensions)
      throw cursor.invalid(`expected ${what} to have at most ${maxDimensions} dimensions, found ${dimensions}`)
    const shape = Array.from({ length: dimensions }, () => Number(cursor.u64()))
    const type = cursor.u32()
    const offset = Number(cursor.u64())
    const [weights, bytes] = blocks[type] ?? [1, 0]
    const row = shape[0] ?? 1
    if (row % weights !== 0)
      throw cursor.invalid(`expected the rows of ${what} to have a multiple of ${weights} weights, found ${row}`)
    const elements = shape.reduce((product, length) => product * length, 1)
    tensors.set(name, { name, shape, type, offset, bytes: (elements / weights) * bytes })
  }
  return tensors
}
