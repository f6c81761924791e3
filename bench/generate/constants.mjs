// @ts-check
import { fixed, norm, scales, weights, zeroPoints4, zeroPoints8 } from './content.mjs'
import { dataOf, Index } from './graph.mjs'
import { weightSize } from './shapes.mjs'

/**
 * @typedef {import('./shapes.mjs').Shape} Shape
 * @typedef {{ shape: number[], content: import('./content.mjs').Content, key?: string }} Constant `key` tells the small
 *   ones apart that may share their bytes
 */

/** Standard deviation of random 4-bit and 8-bit weights around the middle. */
const deviation = { u4: 4.6, u8: 74 }

/** A matrix, or what experts stack: their gates and ups are halves of one weight, so the exporter names them so. */
const weightName =
  /^(?:self|__module)\.(?:model\.)?(\S+?)(?:\.weight|(?<=\.experts\.down_proj|VariadicSplit\.[01]))(\/zero_point|\/scale)?$/

/** Ends and steps that are no sizes: they stay what they are. */
const neutral = new Set([-1n, 0n, 1n, 2n, 3n, 2n ** 63n - 1n])

/**
 * What every Const layer of a small Phi-3 holds when the model has another shape. Fails on a constant whose meaning it
 * does not know, rather than leave an old size in.
 * @param {import('./graph.mjs').Graph} graph
 * @param {Uint8Array} bin its openvino_model.bin
 * @param {Shape} old shape of the graph
 * @param {Shape} shape the wanted one
 * @returns {Map<number, Constant>} by layer id
 */
export function resizeConstants(graph, bin, old, shape) {
  const index = new Index(graph)
  /** @type {Map<number, Constant>} */
  const constants = new Map()
  for (const layer of graph.layers) {
    if (layer.type !== 'Const') continue
    const type = dataOf(layer, 'element_type') ?? ''
    const weight = weightName.exec(layer.name)
    if (weight?.[1]) {
      constants.set(layer.id, weightPart(shape, weight[1], weight[2], type))
      continue
    }
    const offset = Number(dataOf(layer, 'offset'))
    const bytes = Uint8Array.from(bin.subarray(offset, offset + Number(dataOf(layer, 'size'))))
    const dims = (dataOf(layer, 'shape') ?? '').split(',').filter(Boolean).map(Number)
    const user = index.outputs.get(layer.id)?.[0]
    if (!user) throw new Error(`${layer.name} is used by nothing`)
    const context = { index, user, consumer: index.layer(user.to), old, shape }
    if (type === 'i64') constants.set(layer.id, small(dims, int64(resizeIntegers(layer, bytes, context))))
    else if (type === 'f32') constants.set(layer.id, resizeFloats(layer, bytes, dims, context))
    else constants.set(layer.id, small(dims, bytes))
  }
  return constants
}

/**
 * @param {Shape} shape
 * @param {string} name
 * @param {string | undefined} part
 * @param {string} type
 * @returns {Constant}
 */
function weightPart(shape, name, part, type) {
  const [rows, columns] = weightSize(shape, name)
  const grouped = /_proj$|VariadicSplit|\.mlp\.gate$/.test(name)
  const stack = shape.experts && name.includes('.experts') ? [shape.experts.count] : []
  const stacked = stack[0] ?? 1
  const groups = grouped ? columns / shape.group : 1
  if (!Number.isInteger(groups)) throw new Error(`${name}: ${columns} columns are not groups of ${shape.group}`)
  if (part === '/scale') {
    // Keeps the variance: a sum over `columns` products of variance 1. Looked-up rows are no sums, and logits are spread.
    const mean = grouped
      ? 1 / (deviation.u4 * Math.sqrt(columns))
      : (name === 'lm_head' ? 2 / Math.sqrt(columns) : 1) / deviation.u8
    return {
      shape: grouped ? [...stack, rows, groups, 1] : [rows, 1],
      content: scales(stacked * rows * groups, mean),
    }
  }
  if (part === '/zero_point') {
    return grouped
      ? { shape: [...stack, rows, groups, 1], content: zeroPoints4(stacked * rows * groups) }
      : { shape: [rows, 1], content: zeroPoints8(rows) }
  }
  if (type !== (grouped ? 'u4' : 'u8'))
    throw new Error(`${name}: expected weights of ${grouped ? 'u4' : 'u8'}, found ${type}`)
  return grouped
    ? { shape: [...stack, rows, groups, shape.group], content: weights((stacked * rows * columns) / 2) }
    : { shape: [rows, columns], content: weights(rows * columns) }
}

/**
 * @typedef {{ index: Index, user: import('./graph.mjs').Edge, consumer: import('./graph.mjs').Layer, old: Shape,
 *   shape: Shape }} Context
 * @param {import('./graph.mjs').Layer} layer
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Context} context
 */
function resizeIntegers(layer, bytes, { index, user, consumer, old, shape }) {
  const values = [...new BigInt64Array(bytes.buffer)]
  /** @param {(readonly [number, number])[]} sizes old and new, by what may stand here */
  const translate = (...sizes) => {
    const known = new Map(sizes.map(([from, to]) => [BigInt(from), BigInt(to)]))
    return values.map((value) => {
      const found = known.get(value)
      if (found !== undefined) return found
      if (neutral.has(value)) return value
      throw new Error(`${layer.name} → ${consumer.name}: the meaning of ${value} is not known`)
    })
  }
  const width = (/** @type {Shape} */ { heads, headDim }) => heads * headDim
  /** @type {[number, number]} */
  const headDim = [old.headDim, shape.headDim]
  if (old.experts && shape.experts && consumer.name.includes('.mlp')) {
    const [count, each] = /** @type {const} */ (['count', 'each']).map((key) => [
      old.experts?.[key],
      shape.experts?.[key],
    ])
    return translate(/** @type {[number, number]} */ (count), /** @type {[number, number]} */ (each), [
      old.hidden,
      shape.hidden,
    ])
  }
  if (consumer.type === 'Reshape' && user.toPort === 1) {
    // Of a weight: its groups become whole rows again.
    let weight = consumer
    while (['Reshape', 'Multiply', 'Subtract', 'Convert'].includes(weight.type)) weight = index.source(weight.id, 0)
    const name = weight.type === 'Const' && weightName.exec(weight.name)?.[1]
    if (name) {
      const stack = shape.experts && name.includes('.experts') ? [shape.experts.count] : []
      return [...stack, ...weightSize(shape, name)].map(BigInt)
    }
  }
  if (consumer.type === 'Reshape' && values.length === 3) return translate([width(old), width(shape)])
  if (consumer.type === 'Reshape' && values.length === 4) {
    return translate([old.heads, shape.heads], [old.kvHeads, shape.kvHeads], headDim)
  }
  if (consumer.type === 'Slice' && (user.toPort === 1 || user.toPort === 2)) {
    const keys = (/** @type {Shape} */ { heads, kvHeads, headDim }) => (heads + kvHeads) * headDim
    return translate([width(old), width(shape)], [keys(old), keys(shape)], headDim, [
      old.headDim / 2,
      shape.headDim / 2,
    ])
  }
  const repeats = (/** @type {Shape} */ { heads, kvHeads }) => heads / kvHeads
  if (
    consumer.type === 'Concat' &&
    user.toPort === 1 &&
    (values[0] === BigInt(old.kvHeads) || values[0] === BigInt(repeats(old)))
  ) {
    // The size of an empty cache, or how often each key head is repeated.
    const next = index.layer(index.outputs.get(consumer.id)?.[0]?.to ?? -1)
    const isCache = index.outputs.get(next.id)?.some(({ to }) => index.layer(to).type === 'ReadValue')
    return translate(isCache ? [old.kvHeads, shape.kvHeads] : [repeats(old), repeats(shape)])
  }
  if (consumer.type === 'Concat') return translate(headDim)
  return translate([-old.slidingWindow, -shape.slidingWindow])
}

/**
 * @param {import('./graph.mjs').Layer} layer
 * @param {Uint8Array} bytes
 * @param {number[]} dims
 * @param {Context} context
 * @returns {Constant}
 */
function resizeFloats(layer, bytes, dims, { consumer, old, shape }) {
  const { hidden, headDim } = shape
  if (dims.at(-1) === old.hidden) return { shape: [1, 1, hidden], content: norm(hidden) }
  if (dims.length === 4 && dims.at(-1) === old.headDim) return { shape: [1, 1, 1, headDim], content: norm(headDim) }
  if (layer.name.includes('rotary_emb')) {
    // Frequencies of rotary embeddings with theta 10000.
    const frequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 10_000 ** ((-2 * i) / headDim))
    return small([1, headDim / 2, 1], new Uint8Array(frequencies.buffer))
  }
  if (consumer.type === 'ScaledDotProductAttention') {
    return small(dims, new Uint8Array(Float32Array.of(1 / Math.sqrt(headDim)).buffer))
  }
  if (bytes.length !== 4) throw new Error(`${layer.name}: the meaning of ${bytes.length / 4} floats is not known`)
  return small(dims, bytes)
}

/** @param {bigint[]} values */
function int64(values) {
  return new Uint8Array(BigInt64Array.from(values).buffer)
}

/**
 * @param {number[]} shape
 * @param {Uint8Array} bytes
 * @returns {Constant}
 */
function small(shape, bytes) {
  return { shape, content: fixed(bytes), key: Buffer.from(bytes).toString('hex') }
}
