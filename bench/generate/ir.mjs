// @ts-check
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resizeConstants } from './constants.mjs'
import { formatGraph, Index, parseGraph, withData, withoutSizes } from './graph.mjs'
import { Noise } from './noise.mjs'
import { repeatDecoderLayer } from './repeat.mjs'
import { writePieces } from './stream.mjs'

/**
 * @typedef {import('./shapes.mjs').Shape} Shape
 * @typedef {import('./graph.mjs').Graph} Graph
 */

/** What goes along as it is. */
const companions = ['chat_template.jinja', 'generation_config.json', 'special_tokens_map.json', 'tokenizer_config.json']

/** As memory-mapped weights want it. */
const alignment = 64

/**
 * Writes a model folder of a Phi-3 or Qwen3-MoE with random weights (4 bits asymmetric, embedding and head 8 bits). It takes
 * the export of a tiny one, changes its sizes and repeats its second layer. It needs little memory, whatever the size.
 * @param {string} source folder of a 2-layer IR of this kind as optimum-intel exports it, 4 bits asymmetric
 * @param {string} target folder; made when it is not there
 * @param {Shape} shape
 */
export async function writeIr(source, target, shape) {
  const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8'))
  const bin = await readFile(join(source, 'openvino_model.bin'))
  const small = separated(parseGraph(await readFile(join(source, 'openvino_model.xml'), 'utf8')))
  const { graph, pieces } = enlarge(small, bin, shapeOf(config), shape)
  await mkdir(target, { recursive: true })
  await writePieces(join(target, 'openvino_model.bin'), pieces, new Noise())
  await writeFile(join(target, 'openvino_model.xml'), formatGraph(graph))
  await writeFile(join(target, 'config.json'), `${JSON.stringify({ ...config, ...configOf(shape) }, null, 2)}\n`)
  const tokenizer = JSON.parse(await readFile(join(source, 'tokenizer.json'), 'utf8'))
  nameTokens(tokenizer, shape.vocabulary)
  await writeFile(join(target, 'tokenizer.json'), JSON.stringify(tokenizer))
  for (const name of companions) await copyFile(join(source, name), join(target, name))
}

/**
 * Random weights may answer with any token, and each needs a text to be streamed.
 * @param {{ model: { vocab: Record<string, number> } }} tokenizer of a smaller vocabulary
 * @param {number} vocabulary
 */
export function nameTokens({ model }, vocabulary) {
  for (let id = Object.keys(model.vocab).length; id < vocabulary; id++) model.vocab[`t${id}`] = id
}

/**
 * @param {Graph} small of two decoder layers
 * @param {Uint8Array} bin
 * @param {Shape} old its shape
 * @param {Shape} shape
 */
export function enlarge(small, bin, old, shape) {
  const plain = shape.kvHeads === shape.heads ? withoutKeyRepeats(small) : small
  const constants = resizeConstants(plain, bin, old, shape)
  const { graph, copies } = repeatDecoderLayer(plain, shape.layers)
  /** @type {import('./stream.mjs').Piece[]} */
  const pieces = []
  /** @type {Map<string, number>} */
  const shared = new Map()
  let end = 0
  const layers = graph.layers.map((layer) => {
    if (layer.type === 'ReadValue') {
      return withoutSizes(withData(layer, { variable_shape: `?,${shape.kvHeads},?,${shape.headDim}` }))
    }
    const constant = constants.get(copies.get(layer.id) ?? layer.id)
    if (!constant) return withoutSizes(layer)
    const { content, key, shape: dims } = constant
    let offset = key === undefined ? undefined : shared.get(key)
    if (offset === undefined) {
      offset = Math.ceil(end / alignment) * alignment
      end = offset + content.bytes
      pieces.push({ offset, content })
      if (key !== undefined) shared.set(key, offset)
    }
    return withData(withoutSizes(layer), { shape: dims.join(', '), offset, size: content.bytes })
  })
  const tail = graph.tail.replace(/<group_size value="\d+"/, `<group_size value="${shape.group}"`)
  return { graph: { ...graph, layers, tail }, pieces }
}

/**
 * A constant that one name in the graph says twice may be how many experts are chosen and, elsewhere, an axis.
 * @param {Graph} graph
 * @returns {Graph}
 */
function separated(graph) {
  const index = new Index(graph)
  let next = Math.max(...graph.layers.map(({ id }) => id)) + 1
  const layers = [...graph.layers]
  const edges = graph.edges.map((edge) => {
    if (index.layer(edge.to).type !== 'TopK' || edge.toPort !== 1) return edge
    const constant = index.layer(edge.from)
    const xml = constant.xml.replace(/<layer id="\d+" name="[^"]*"/, `<layer id="${next}" name="chosen_${next}"`)
    layers.push({ ...constant, id: next, name: `chosen_${next}`, xml })
    return { ...edge, from: next++ }
  })
  return { ...graph, layers, edges }
}

/**
 * When each query head has a key head of its own, an export repeats none.
 * @param {Graph} graph
 * @returns {Graph}
 */
function withoutKeyRepeats(graph) {
  const index = new Index(graph)
  const edges = graph.edges.map((edge) => {
    if (index.layer(edge.to).type !== 'ScaledDotProductAttention' || (edge.toPort !== 1 && edge.toPort !== 2))
      return edge
    // Reshape ← Broadcast ← Unsqueeze ← the keys or values.
    let repeated = edge.from
    for (const type of ['Reshape', 'Broadcast', 'Unsqueeze']) {
      const layer = index.layer(repeated)
      if (layer.type !== type) throw new Error(`${layer.name}: expected ${type}, found ${layer.type}`)
      repeated = index.source(repeated, 0).id
    }
    const from = graph.edges.find(({ from }) => from === repeated)
    return { ...edge, from: repeated, fromPort: from?.fromPort ?? 0 }
  })
  const ends = graph.layers.filter(({ type }) => ['Result', 'Assign', 'Parameter'].includes(type)).map(({ id }) => id)
  const needed = new Index({ layers: graph.layers, edges }).ancestors(ends)
  return {
    ...graph,
    layers: graph.layers.filter(({ id }) => needed.has(id)),
    edges: edges.filter(({ to }) => needed.has(to)),
  }
}

/**
 * @param {Record<string, any>} config of the small model, as transformers writes it
 * @returns {Shape}
 */
export function shapeOf(config) {
  return {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim ?? config.hidden_size / config.num_attention_heads,
    ffn: config.moe_intermediate_size ?? config.intermediate_size,
    vocabulary: config.vocab_size,
    context: config.max_position_embeddings,
    slidingWindow: config.sliding_window ?? 0,
    group: 32,
    ...(config.num_local_experts && { experts: { count: config.num_local_experts, each: config.num_experts_per_tok } }),
  }
}

/** @param {Shape} shape */
function configOf({ layers, hidden, heads, kvHeads, headDim, ffn, vocabulary, context, slidingWindow, experts }) {
  if (experts) {
    return {
      num_hidden_layers: layers,
      layer_types: Array(layers).fill('full_attention'),
      hidden_size: hidden,
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
      head_dim: headDim,
      moe_intermediate_size: ffn,
      num_local_experts: experts.count,
      num_experts_per_tok: experts.each,
      vocab_size: vocabulary,
      max_position_embeddings: context,
    }
  }
  return {
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    intermediate_size: ffn,
    vocab_size: vocabulary,
    max_position_embeddings: context,
    original_max_position_embeddings: context,
    sliding_window: slidingWindow,
  }
}
