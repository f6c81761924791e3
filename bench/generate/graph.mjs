// @ts-check

/**
 * @typedef {object} Layer one operation of an IR
 * @property {number} id
 * @property {string} name
 * @property {string} type such as Const
 * @property {string} xml the whole element
 *
 * @typedef {{ from: number, fromPort: number, to: number, toPort: number }} Edge
 *
 * @typedef {object} Graph an openvino_model.xml, read only as far as resizing it needs
 * @property {string} head all before the first layer
 * @property {Layer[]} layers
 * @property {Edge[]} edges
 * @property {string} tail all after the last edge
 */

/**
 * @param {string} xml as ov::serialize writes it
 * @returns {Graph}
 * @throws {Error} for a graph with loops or branches, whose bodies are graphs of their own
 */
export function parseGraph(xml) {
  const nested = /<layer id="\d+" name="([^"]*)" type="(TensorIterator|Loop|If)"/.exec(xml)
  if (nested) throw new Error(`expected a graph without loops or branches, found ${nested[2]} ${nested[1]}`)
  const begin = xml.indexOf('<layer ')
  const end = xml.lastIndexOf('</edges>')
  if (begin < 0 || end < 0) throw new Error('expected an OpenVINO graph with <layer …> and </edges>')
  const layers = [...xml.matchAll(/<layer id="(\d+)" name="([^"]*)" type="([^"]*)"[\s\S]*?<\/layer>/g)].map(
    ([text, id, name = '', type = '']) => ({ id: Number(id), name, type, xml: text }),
  )
  const edges = [...xml.matchAll(/<edge from-layer="(\d+)" from-port="(\d+)" to-layer="(\d+)" to-port="(\d+)"/g)].map(
    ([, from, fromPort, to, toPort]) => ({
      from: Number(from),
      fromPort: Number(fromPort),
      to: Number(to),
      toPort: Number(toPort),
    }),
  )
  return { head: xml.slice(0, begin), layers, edges, tail: xml.slice(end) }
}

/** @param {Graph} graph */
export function formatGraph({ head, layers, edges, tail }) {
  const lines = edges.map(
    ({ from, fromPort, to, toPort }) =>
      `\t\t<edge from-layer="${from}" from-port="${fromPort}" to-layer="${to}" to-port="${toPort}" />\n`,
  )
  return `${head}${layers.map(({ xml }) => xml).join('\n\t\t')}\n\t</layers>\n\t<edges>\n${lines.join('')}\t${tail}`
}

/**
 * An attribute of the layer's `<data>` element.
 * @param {Layer} layer
 * @param {string} name
 */
export function dataOf(layer, name) {
  return new RegExp(`<data [^>]*?\\b${name}="([^"]*)"`).exec(layer.xml)?.[1]
}

/**
 * @param {Layer} layer
 * @param {Record<string, string | number>} values of attributes that are there already
 * @returns {Layer}
 */
export function withData(layer, values) {
  let { xml } = layer
  for (const [name, value] of Object.entries(values)) {
    xml = xml.replace(new RegExp(`(<data [^>]*?\\b${name}=")[^"]*`), (_, before) => `${before}${value}`)
  }
  return { ...layer, xml }
}

/**
 * The layer without the sizes of its ports: OpenVINO infers them, and they are another model's.
 * @param {Layer} layer
 * @returns {Layer}
 */
export function withoutSizes(layer) {
  return { ...layer, xml: layer.xml.replaceAll(/\s*<dim>-?\d+<\/dim>/g, '') }
}

/** Edges by where they begin and where they end, and layers by id. */
export class Index {
  /** @param {Pick<Graph, 'layers' | 'edges'>} graph */
  constructor({ layers, edges }) {
    /** @type {Map<number, Layer>} */
    this.layers = new Map(layers.map((layer) => [layer.id, layer]))
    this.inputs = group(edges, 'to')
    this.outputs = group(edges, 'from')
  }

  /** @param {number} id */
  layer(id) {
    const layer = this.layers.get(id)
    if (!layer) throw new Error(`the graph has no layer ${id}`)
    return layer
  }

  /**
   * The layer that an input comes from.
   * @param {number} id
   * @param {number} port
   */
  source(id, port) {
    const edge = this.inputs.get(id)?.find(({ toPort }) => toPort === port)
    if (!edge) throw new Error(`${this.layer(id).name} has no input ${port}`)
    return this.layer(edge.from)
  }

  /**
   * All that these layers are computed from, themselves included.
   * @param {Iterable<number>} ids
   * @param {ReadonlySet<number>} [stop] layers to leave out, with what only they need
   */
  ancestors(ids, stop = new Set()) {
    /** @type {Set<number>} */
    const found = new Set()
    const open = [...ids]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (found.has(id) || stop.has(id)) continue
      found.add(id)
      for (const { from } of this.inputs.get(id) ?? []) open.push(from)
    }
    return found
  }
}

/**
 * @param {readonly Edge[]} edges
 * @param {'from' | 'to'} end
 */
function group(edges, end) {
  /** @type {Map<number, Edge[]>} */
  const groups = new Map()
  for (const edge of edges) {
    const group = groups.get(edge[end])
    if (group) group.push(edge)
    else groups.set(edge[end], [edge])
  }
  return groups
}
