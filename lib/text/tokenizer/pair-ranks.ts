/**
 * The ranks of pairs of ids: a hash table in typed arrays. A Map has to make an object of every pair that is no small integer, and takes
 * several times as long to fill.
 */
export class PairRanks {
  /** Three numbers a place: both ids and the rank. A left id of -1 means that the place is free. */
  readonly #places: Int32Array
  readonly #mask: number

  /** @param most how many pairs are set at most */
  constructor(most: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2 * most, 2)))
    this.#places = new Int32Array(3 * places).fill(-1)
    this.#mask = places - 1
  }

  /** The last rank of equal pairs counts. */
  set(left: number, right: number, rank: number): void {
    const at = this.#find(left, right)
    this.#places[at] = left
    this.#places[at + 1] = right
    this.#places[at + 2] = rank
  }

  /** -1 for a pair that was not set. */
  get(left: number, right: number): number {
    return this.#places[this.#find(left, right) + 2]!
  }

  /** Where the pair stands, or the free place where it would. Half of the places at least are free. */
  #find(left: number, right: number): number {
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
    let place = (hash ^ (hash >>> 15)) & this.#mask
    for (;;) {
      const at = 3 * place
      const there = this.#places[at]!
      if (there < 0 || (there === left && this.#places[at + 1] === right)) return at
      place = (place + 1) & this.#mask
    }
  }
}
