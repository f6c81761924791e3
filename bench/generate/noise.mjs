// @ts-check

/** Odd, so that rows, groups and pages do not begin at the same place of the noise each time. */
const size = 8 * 1024 * 1024 + 4099

/** Numbers that look random, the same on each machine and each run. */
export class Noise {
  /** @param {number} seed a positive integer */
  constructor(seed = 1) {
    let state = seed >>> 0 || 1
    const words = new Uint32Array(Math.ceil(size / 4))
    for (let i = 0; i < words.length; i++) {
      // xorshift32, G. Marsaglia, "Xorshift RNGs", 2003.
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      words[i] = state
    }
    this.bytes = new Uint8Array(words.buffer, 0, size)
    this.place = 0
  }

  /** @returns {number} 0 to 255 */
  byte() {
    const value = /** @type {number} */ (this.bytes[this.place])
    this.place = (this.place + 1) % size
    return value
  }

  /**
   * The stored bytes repeat, from another place each time, which nothing that computes with them can tell.
   * @param {Uint8Array} target
   */
  fill(target) {
    let done = 0
    while (done < target.length) {
      const part = this.bytes.subarray(this.place, Math.min(size, this.place + target.length - done))
      target.set(part, done)
      done += part.length
      this.place = (this.place + part.length) % size
    }
  }
}
