// @ts-check
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fixed } from './content.mjs'
import { dataOf, formatGraph, Index, parseGraph, withData } from './graph.mjs'
import { Noise } from './noise.mjs'
import { dequantize, quantize } from './quantize.mjs'
import { writePieces } from './stream.mjs'

/**
 * @typedef {import('./graph.mjs').Graph} Graph
 * @typedef {import('./graph.mjs').Layer} Layer
 * @typedef {import('./quantize.mjs').Scheme} Scheme
 * @typedef {{ name: string, rows: number, columns: number, values: Float32Array, end: number, parts: Set<number> }} Matrix
 *   a matrix of weights: `end` is the layer that gives it to the rest of the graph, `parts` all that make it up
 */

/** @type {Scheme} what nncf gives embedding and head beside 4-bit weights */
const int8 = { bits: 8, symmetric: false, group: 0 }

/** @param {boolean} symmetric @param {number} group @returns {(name: string) => Scheme} */
const int4 = (symmetric, group) => (name) => (/embed_tokens|lm_head/.test(name) ? int8 : { bits: 4, symmetric, group })

/**
 * The schemes that `optimum-cli export openvino --weight-format` writes: which one each matrix gets, or undefined for f32.
 * @type {Record<string, (name: string) => Scheme | undefined>}
 */
export const schemes = {
  f32: () => undefined,
  'int4-asym-g32': int4(false, 32),
  'int4-asym-g64': int4(false, 64),
  'int4-asym-g128': int4(false, 128),
  'int4-asym-channel': int4(false, 0),
  'int4-sym-g32': int4(true, 32),
  'int4-sym-g64': int4(true, 64),
  'int4-sym-g128': int4(true, 128),
  'int4-sym-channel': int4(true, 0),
  'int8-asym': () => int8,
  'int8-sym': () => ({ bits: 8, symmetric: true, group: 0 }),
  // Of a ratio below 1: some matrices stay at 8 bits.
  'int4-int8-mixed': (name) => (/down_proj|layers\.0\./.test(name) ? int8 : int4(false, 128)(name)),
}

/**
 * Writes the model of a folder into another one, its weights in another scheme. `f32` of a compressed model is the
 * reference for it: the same values, dequantized. Holds all weights in memory: for small models.
 * @param {string} source model folder, an export of optimum-intel in f32 or compressed by nncf
 * @param {string} target folder; made when it is not there
 * @param {string} scheme one of {@link schemes}
 */
export async function recompress(source, target, scheme) {
  const choose = schemes[scheme]
  if (!choose) throw new Error(`expected one of ${Object.keys(schemes).join(', ')}, found ${scheme}`)
  const bin = await readFile(join(source, 'openvino_model.bin'))
  const graph = parseGraph(await readFile(join(source, 'openvino_model.xml'), 'utf8'))
  const written = rewrite(graph, bin, choose)
  await mkdir(target, { recursive: true })
  for (const name of await readdir(source)) {
    if (!name.startsWith('openvino_')) await copyFile(join(source, name), join(target, name))
  }
  await writePieces(join(target, 'openvino_model.bin'), written.pieces, new Noise())
  await writeFile(
    join(target, 'openvino_model.xml'),
    formatGraph({ ...written.graph, tail: retold(graph.tail, scheme) }),
  )
}

/**
 * @param {Graph} graph
 * @param {Uint8Array} bin
 * @param {(name: string) => Scheme | undefined} choose
 */
function rewrite(graph, bin, choose) {
  const index = new Index(graph)
  const matrices = graph.layers.filter(isMatrix).map((layer) => readMatrix(index, bin, layer))
  const gone = new Set(matrices.flatMap(({ parts }) => [...parts]))
  /** @type {import('./stream.mjs').Piece[]} */
  const pieces = []
  let end = 0
  const place = (/** @type {Uint8Array} */ bytes) => {
    const offset = Math.ceil(end / 64) * 64
    end = offset + bytes.length
    pieces.push({ offset, content: fixed(bytes) })
    return offset
  }
  /** @type {Map<string, number>} */
  const kept = new Map()
  const layers = graph.layers
    .filter(({ id }) => !gone.has(id))
    .map((layer) => {
      if (layer.type !== 'Const') return layer
      const { bytes, key } = bytesOf(bin, layer)
      const offset = kept.get(key) ?? place(bytes)
      kept.set(key, offset)
      return withData(layer, { offset })
    })
  const writer = new Writer(Math.max(...graph.layers.map(({ id }) => id)) + 1, place)
  /** @type {Map<number, import('./graph.mjs').Edge>} */
  const instead = new Map()
  for (const matrix of matrices) instead.set(matrix.end, writer.write(matrix, choose(matrix.name)))
  const edges = graph.edges
    .filter(({ to }) => !gone.has(to))
    .map((edge) => {
      const from = instead.get(edge.from)
      if (gone.has(edge.from) && !from) throw new Error(`${index.layer(edge.from).name} is more than a part of weights`)
      return from ? { ...edge, from: from.from, fromPort: from.fromPort } : edge
    })
  return {
    graph: { ...graph, layers: [...layers, ...writer.layers], edges: [...edges, ...writer.edges] },
    pieces,
  }
}

/** @param {Layer} layer */
function isMatrix(layer) {
  return layer.type === 'Const' && /^self\..*\.weight$/.test(layer.name) && shapeOf(layer).length >= 2
}

/**
 * @param {Index} index
 * @param {Uint8Array} bin
 * @param {Layer} layer
 * @returns {Matrix}
 */
function readMatrix(index, bin, layer) {
  const [rows = 0, ...rest] = shapeOf(layer)
  const columns = rest.reduce((product, size) => product * size, 1)
  const type = dataOf(layer, 'element_type') ?? ''
  const { name } = layer
  const data = bytesOf(bin, layer).bytes
  if (type === 'f32') {
    const values = new Float32Array(Uint8Array.from(data).buffer)
    return { name, rows, columns, values, end: layer.id, parts: new Set([layer.id]) }
  }
  const kind = /^([ui])([48])$/.exec(type)
  if (!kind) throw new Error(`${name}: expected weights in f32, u4, i4, u8 or i8, found ${type}`)
  // Convert, then perhaps minus zero points, times scales, perhaps to two axes, to f32.
  let end = layer.id
  do {
    const next = index.outputs.get(end)
    if (next?.length !== 1 || !next[0]) throw new Error(`${name}: expected one use, found ${next?.length ?? 0}`)
    end = next[0].to
  } while (dataOf(index.layer(end), 'destination_type') !== 'f32')
  const parts = index.ancestors([end])
  const find = (/** @type {RegExp} */ pattern) => {
    const found = [...parts]
      .map((id) => index.layer(id))
      .find((part) => part.type === 'Const' && pattern.test(part.name))
    return found && bytesOf(bin, found).bytes
  }
  const scales = find(/\/scale$/)
  if (!scales) throw new Error(`${name}: expected scales`)
  const zeroPoints = find(/\/zero_point$/)
  const quantized = { weights: data, scales, ...(zeroPoints ? { zeroPoints } : {}) }
  const scheme = { bits: /** @type {4 | 8} */ (Number(kind[2])), symmetric: kind[1] === 'i' }
  return { name, rows, columns, values: dequantize(quantized, rows * columns, scheme), end, parts }
}

/** Makes the layers of matrices, as nncf lays them out. */
class Writer {
  /**
   * @param {number} id of the first layer
   * @param {(bytes: Uint8Array) => number} place gives bytes their offset
   */
  constructor(id, place) {
    this.id = id
    this.place = place
    /** @type {Layer[]} */
    this.layers = []
    /** @type {import('./graph.mjs').Edge[]} */
    this.edges = []
  }

  /**
   * @param {Matrix} matrix
   * @param {Scheme | undefined} scheme f32 when there is none
   */
  write({ name, rows, columns, values }, scheme) {
    if (!scheme) return this.constant(name, 'f32', [rows, columns], new Uint8Array(values.buffer))
    const quantized = quantize(values, columns, scheme)
    const type = `${scheme.symmetric ? 'i' : 'u'}${scheme.bits}`
    const groups = scheme.group ? [columns / scheme.group] : []
    const shape = scheme.group ? [rows, ...groups, scheme.group] : [rows, columns]
    const one = [rows, ...groups, 1]
    let last = this.convert(`${name}/f16`, this.constant(name, type, shape, quantized.weights), 'f16')
    if (quantized.zeroPoints) {
      const zero = this.constant(`${name}/zero_point`, type, one, quantized.zeroPoints)
      const halves = this.convert(`${name}/zero_point/f16`, zero, 'f16')
      last = this.layer(`${name}/zero_point/subtract`, 'Subtract', 'auto_broadcast="numpy"', 'f16', [last, halves])
    }
    const scale = this.constant(`${name}/scale`, 'f16', one, quantized.scales)
    last = this.layer(`${name}/fq_weights_1`, 'Multiply', 'auto_broadcast="numpy"', 'f16', [last, scale])
    if (scheme.group) {
      const flat = new Uint8Array(BigInt64Array.of(BigInt(rows), BigInt(columns)).buffer)
      const sizes = this.constant(`${name}/shape`, 'i64', [2], flat)
      last = this.layer(`${name}/reshape`, 'Reshape', 'special_zero="false"', 'f16', [last, sizes])
    }
    return this.convert(`${name}/fq_weights_1/convert`, last, 'f32')
  }

  /** @param {string} name @param {string} type @param {number[]} shape @param {Uint8Array} bytes */
  constant(name, type, shape, bytes) {
    const data = `element_type="${type}" shape="${shape.join(', ')}" offset="${this.place(bytes)}" size="${bytes.length}"`
    return this.layer(name, 'Const', data, type, [], shape)
  }

  /** @param {string} name @param {import('./graph.mjs').Edge} input @param {string} to */
  convert(name, input, to) {
    return this.layer(name, 'Convert', `destination_type="${to}"`, to, [input])
  }

  /**
   * @param {string} name
   * @param {string} type of the operation
   * @param {string} data its attributes
   * @param {string} precision of its output
   * @param {import('./graph.mjs').Edge[]} inputs
   * @param {number[]} [shape] of the output; OpenVINO infers those of all but constants
   */
  layer(name, type, data, precision, inputs, shape = []) {
    const id = this.id++
    const port = (/** @type {number} */ number, attribute = '', dims = '') =>
      `<port id="${number}"${attribute}>${dims}</port>`
    const into = inputs.map((_, i) => port(i)).join('')
    const dims = shape.map((size) => `<dim>${size}</dim>`).join('')
    const words = { f32: 'FP32', f16: 'FP16' }
    const kind = words[/** @type {keyof typeof words} */ (precision)] ?? precision.toUpperCase()
    const out = port(inputs.length, ` precision="${kind}"`, dims)
    const xml = `<layer id="${id}" name="${name}" type="${type}" version="opset1"><data ${data} />${into && `<input>${into}</input>`}<output>${out}</output></layer>`
    this.layers.push({ id, name, type, xml })
    for (const [toPort, { from, fromPort }] of inputs.entries()) this.edges.push({ from, fromPort, to: id, toPort })
    return { from: id, fromPort: inputs.length, to: -1, toPort: -1 }
  }
}

/**
 * @param {Uint8Array} bin
 * @param {Layer} layer a constant
 */
function bytesOf(bin, layer) {
  const offset = Number(dataOf(layer, 'offset'))
  const size = Number(dataOf(layer, 'size'))
  return { bytes: bin.subarray(offset, offset + size), key: `${offset}+${size}` }
}

/** @param {Layer} layer a constant */
function shapeOf(layer) {
  return (dataOf(layer, 'shape') ?? '').split(',').filter(Boolean).map(Number)
}

/**
 * What the model's notes say about its weights.
 * @param {string} tail
 * @param {string} scheme
 */
function retold(tail, scheme) {
  const [format, kind] = scheme.split('-')
  const group = /-g(\d+)$/.exec(scheme)?.[1] ?? '-1'
  return tail
    .replace(/(<mode value=")int\w+/, (_, before) => `${before}${format}_${kind === 'sym' ? 'sym' : 'asym'}`)
    .replace(/(<group_size value=")-?\d+/, (_, before) => `${before}${group}`)
}
