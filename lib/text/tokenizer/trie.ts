import { LLMError } from '../../errors.js'

/** Most nodes of a trie: about ten times as many as the largest known vocabulary needs. */
const maxNodes = 2 ** 23
const empty = -1

/**
 * Tokens by their UTF-16 units, to find all tokens that begin at a position of a text in one walk. Nodes are numbers and
 * lie in typed arrays, outside the JavaScript heap: a vocabulary of 250,000 tokens takes about 20 MB.
 */
export class Trie {
  static readonly root = 0
  #nodes = 1
  /** Of each node: the token that ends there, or -1. */
  #values = new Int32Array(1024).fill(empty)
  // An open hash table of edges, from a node and a unit to a node.
  #from = new Int32Array(2048).fill(empty)
  #unit = new Uint16Array(2048)
  #to = new Int32Array(2048)

  /**
   * @param vocabulary tokens and ids
   * @param where names the file and the field in errors.
   * @throws LLMError ERR_TOKENIZER_INVALID when the trie would have more than 2^23 nodes.
   */
  constructor(vocabulary: ReadonlyMap<string, number>, where: string) {
    for (const [token, id] of vocabulary) {
      this.#add(token, id)
      if (this.#nodes < maxNodes) continue
      throw new LLMError(
        'ERR_TOKENIZER_INVALID',
        `${where}: expected at most ${maxNodes} distinct beginnings of tokens`,
      )
    }
  }

  #add(token: string, value: number): void {
    let node = Trie.root
    for (let i = 0; i < token.length && this.#nodes < maxNodes; i++) node = this.#child(node, token.charCodeAt(i))
    this.#values[node] = value
  }

  /** The node behind `node` for a unit; -1 when no token goes on like that. */
  next(node: number, unit: number): number {
    const slot = this.#slot(node, unit)
    return this.#from[slot] === empty ? empty : this.#to[slot]!
  }

  /** The value of the token that ends at `node`, or -1. */
  valueAt(node: number): number {
    return this.#values[node]!
  }

  /** The node at the end of `text`, or -1. */
  find(text: string): number {
    let node: number = Trie.root
    for (let i = 0; i < text.length && node >= 0; i++) node = this.next(node, text.charCodeAt(i))
    return node
  }

  #child(node: number, unit: number): number {
    const slot = this.#slot(node, unit)
    if (this.#from[slot] !== empty) return this.#to[slot]!
    const child = this.#nodes++
    this.#from[slot] = node
    this.#unit[slot] = unit
    this.#to[slot] = child
    if (child === this.#values.length) {
      const values = new Int32Array(child * 2).fill(empty)
      values.set(this.#values)
      this.#values = values
      this.#grow()
    }
    return child
  }

  /** Where the edge is, or the free place for it. At most half of the places are taken, so that the search ends. */
  #slot(node: number, unit: number): number {
    const from = this.#from
    const mask = from.length - 1
    let hash = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b)
    hash ^= hash >>> 15
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      if (from[slot] === empty || (from[slot] === node && this.#unit[slot] === unit)) return slot
    }
  }

  #grow(): void {
    const [from, unit, to] = [this.#from, this.#unit, this.#to]
    this.#from = new Int32Array(from.length * 2).fill(empty)
    this.#unit = new Uint16Array(from.length * 2)
    this.#to = new Int32Array(from.length * 2)
    for (let i = 0; i < from.length; i++) {
      if (from[i] === empty) continue
      const slot = this.#slot(from[i]!, unit[i]!)
      this.#from[slot] = from[i]!
      this.#unit[slot] = unit[i]!
      this.#to[slot] = to[i]!
    }
  }
}
