// @ts-check
import { GGUFValueType, serializeGgufMetadata } from '@huggingface/gguf'
import { fixed } from './content.mjs'

/**
 * @typedef {string | boolean | number | { f32: number } | readonly string[] | readonly number[] | { f32s: readonly number[] }} GgufValue
 *   metadata: text, bool, u32, f32, and arrays of text, i32 or f32
 * @typedef {object} GgufTensor
 * @property {string} name
 * @property {readonly number[]} dims in the file's order: the length of a row first
 * @property {number} type by ggml's numbers: 0 is f32, 2 Q4_0, 8 Q8_0
 * @property {import('./content.mjs').Content} content
 */

const version = 3
/** Bytes of which every tensor's place is a multiple. */
const alignment = 32

/**
 * The places of everything in a GGUF: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 * @param {Readonly<Record<string, GgufValue>>} metadata
 * @param {readonly GgufTensor[]} tensors
 * @returns {{ pieces: import('./stream.mjs').Piece[], size: number }} `size` includes the padding of the last tensor
 */
export function layOutGguf(metadata, tensors) {
  let end = 0
  const places = tensors.map(({ content }) => {
    const place = end
    end = align(place + content.bytes)
    return place
  })
  const head = Buffer.concat([header(metadata, tensors.length), ...tensors.map((each, i) => row(each, places[i] ?? 0))])
  const start = align(head.length)
  const pieces = tensors.map(({ content }, i) => ({ offset: start + (places[i] ?? 0), content }))
  return { pieces: [{ offset: 0, content: fixed(head) }, ...pieces], size: start + end }
}

/**
 * A small GGUF in memory.
 * @param {Readonly<Record<string, GgufValue>>} metadata
 * @param {readonly GgufTensor[]} tensors whose content needs no noise
 */
export function ggufBytes(metadata, tensors) {
  const { pieces, size } = layOutGguf(metadata, tensors)
  const bytes = Buffer.alloc(size)
  const none = /** @type {import('./noise.mjs').Noise} */ (/** @type {unknown} */ (undefined))
  for (const { offset, content } of pieces) content.fill(none, bytes.subarray(offset, offset + content.bytes))
  return bytes
}

/**
 * @param {Readonly<Record<string, GgufValue>>} metadata
 * @param {number} tensorCount
 */
function header(metadata, tensorCount) {
  const entries = Object.entries(metadata)
  const typed = /** @type {import('@huggingface/gguf').GGUFTypedMetadata} */ ({
    version: { value: version, type: GGUFValueType.UINT32 },
    tensor_count: { value: BigInt(tensorCount), type: GGUFValueType.UINT64 },
    kv_count: { value: BigInt(entries.length), type: GGUFValueType.UINT64 },
    ...Object.fromEntries(entries.map(([key, value]) => [key, typedValue(value)])),
  })
  // The table of tensors follows without a gap.
  return serializeGgufMetadata(typed, { alignment: 1 })
}

/** @param {GgufValue} value */
function typedValue(value) {
  const { ARRAY, BOOL, FLOAT32, INT32, STRING, UINT32 } = GGUFValueType
  if (typeof value === 'string') return { value, type: STRING }
  if (typeof value === 'boolean') return { value, type: BOOL }
  if (typeof value === 'number') return { value, type: UINT32 }
  if ('f32' in value) return { value: value.f32, type: FLOAT32 }
  if ('f32s' in value) return { value: value.f32s, type: ARRAY, subType: FLOAT32 }
  return { value, type: ARRAY, subType: typeof value[0] === 'string' ? STRING : INT32 }
}

/**
 * Of the table of tensors.
 * @param {GgufTensor} tensor
 * @param {number} place counted from the first tensor
 */
function row({ name, dims, type }, place) {
  const text = Buffer.from(name)
  const bytes = Buffer.alloc(8 + text.length + 4 + 8 * dims.length + 4 + 8)
  bytes.writeBigUInt64LE(BigInt(text.length))
  text.copy(bytes, 8)
  let at = bytes.writeUInt32LE(dims.length, 8 + text.length)
  for (const dim of dims) at = bytes.writeBigUInt64LE(BigInt(dim), at)
  at = bytes.writeUInt32LE(type, at)
  bytes.writeBigUInt64LE(BigInt(place), at)
  return bytes
}

/** @param {number} size */
const align = (size) => Math.ceil(size / alignment) * alignment
