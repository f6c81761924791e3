// @ts-check
import { dataOf, Index, withData } from './graph.mjs'

/**
 * @typedef {import('./graph.mjs').Graph} Graph
 * @typedef {import('./graph.mjs').Layer} Layer
 */

/**
 * A graph of more decoder layers: whatever belongs only to the second of the two layers is repeated for each further one.
 * @param {Graph} graph of two decoder layers
 * @param {number} count of decoder layers, ≥ 2
 * @returns {{ graph: Graph, copies: Map<number, number> }} `copies`: which layer each new one is a copy of, by their ids
 */
export function repeatDecoderLayer(graph, count) {
  const index = new Index(graph)
  const outputs = [0, 1].map((k) => only(graph, new RegExp(`^__module\\.model\\.layers\\.${k}/aten::add/Add_1$`)))
  const [first, second] = /** @type {[Layer, Layer]} */ (outputs)
  const caches = [0, 1].map((k) =>
    graph.layers.filter(
      (layer) => layer.type === 'Assign' && dataOf(layer, 'variable_id')?.startsWith(`past_key_values.${k}.`),
    ),
  )
  const ids = (/** @type {Layer[] | undefined} */ layers) => (layers ?? []).map(({ id }) => id)
  const shared = index.ancestors([first.id, ...ids(caches[0])])
  const own = new Set(
    [...index.ancestors([second.id, ...ids(caches[1])], new Set([first.id]))].filter((id) => !shared.has(id)),
  )
  for (const { from, to } of graph.edges) {
    if (own.has(from) && !own.has(to) && from !== second.id) {
      throw new Error(`${index.layer(from).name} of the second decoder layer is also used by ${index.layer(to).name}`)
    }
  }

  const inside = graph.edges.filter(({ to }) => own.has(to))
  const template = graph.layers.filter(({ id }) => own.has(id))
  const layers = [...graph.layers]
  const edges = graph.edges.filter(({ from, to }) => from !== second.id || own.has(to))
  /** @type {Map<number, number>} */
  const copies = new Map()
  let next = Math.max(...graph.layers.map(({ id }) => id)) + 1
  let previous = second.id
  for (let number = 2; number < count; number++) {
    /** @type {Map<number, number>} */
    const renamed = new Map([[first.id, previous]])
    for (const layer of template) {
      copies.set(next, layer.id)
      renamed.set(layer.id, next)
      layers.push(copyLayer(layer, next++, number))
    }
    for (const edge of inside) {
      edges.push({
        ...edge,
        from: renamed.get(edge.from) ?? edge.from,
        to: /** @type {number} */ (renamed.get(edge.to)),
      })
    }
    previous = /** @type {number} */ (renamed.get(second.id))
  }
  // What followed the second decoder layer follows the last one.
  for (const edge of graph.edges) {
    if (edge.from === second.id && !own.has(edge.to)) edges.push({ ...edge, from: previous })
  }
  return { graph: { ...graph, layers, edges }, copies }
}

/**
 * @param {Layer} layer of the second decoder layer
 * @param {number} id
 * @param {number} number of the new decoder layer, from 0
 * @returns {Layer}
 */
function copyLayer(layer, id, number) {
  const rename = (/** @type {string} */ text) => text.replaceAll(/\blayers\.1(?=[./])/g, `layers.${number}`)
  const name = rename(layer.name) === layer.name ? `${layer.name}_layer${number}` : rename(layer.name)
  const xml = rename(layer.xml)
    .replace(/<layer id="\d+" name="[^"]*"/, () => `<layer id="${id}" name="${name}"`)
    // OpenVINO refuses two tensors of one name.
    .replaceAll(/ names="[^"]*"/g, '')
  const copy = { ...layer, id, name, xml }
  const variable = dataOf(copy, 'variable_id')
  return variable === undefined
    ? copy
    : withData(copy, { variable_id: variable.replaceAll(/\.1\.(?=key|value|present)/g, `.${number}.`) })
}

/**
 * @param {Graph} graph
 * @param {RegExp} name
 */
function only(graph, name) {
  const found = graph.layers.filter((layer) => name.test(layer.name))
  if (found.length !== 1 || !found[0]) throw new Error(`expected one layer named ${name}, found ${found.length}`)
  return found[0]
}
