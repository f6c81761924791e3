// @ts-check
import { float16 } from './float16.mjs'

/**
 * @typedef {object} Content bytes that are made while they are written
 * @property {number} bytes how many
 * @property {(noise: import('./noise.mjs').Noise, target: Uint8Array) => void} fill makes any next part of them; its
 *   length is a multiple of 64, but for the last part
 */

/** @param {number} bytes of random weights of any integer type */
export const weights = (bytes) => content(bytes, (noise, target) => noise.fill(target))

/**
 * Zero points of 4 bits in the middle of the range. Not all alike: a runtime may take a shortcut when they are.
 * @param {number} count
 */
export const zeroPoints4 = (count) =>
  content(Math.ceil(count / 2), (noise, target) => {
    noise.fill(target)
    for (let i = 0; i < target.length; i++) target[i] = 0x77 + ((target[i] ?? 0) & 0x11)
  })

/** @param {number} count of zero points of 8 bits, 120 to 135 */
export const zeroPoints8 = (count) =>
  content(count, (noise, target) => {
    noise.fill(target)
    for (let i = 0; i < target.length; i++) target[i] = 120 + ((target[i] ?? 0) & 15)
  })

/**
 * Scales in half precision, within a quarter of `mean`.
 * @param {number} count
 * @param {number} mean
 */
export function scales(count, mean) {
  const choices = Uint16Array.from({ length: 256 }, (_, i) => float16(mean * (0.75 + i / 510)))
  return content(2 * count, (noise, target) => {
    for (let i = 0; i < target.length; i += 2) {
      const half = /** @type {number} */ (choices[noise.byte()])
      target[i] = half & 0xff
      target[i + 1] = half >> 8
    }
  })
}

/**
 * What a norm multiplies with: near 1, but not 1, which an optimizer would leave out.
 * @param {number} count
 */
export const norm = (count) =>
  content(4 * count, (noise, target) => {
    const view = new DataView(target.buffer, target.byteOffset, target.length)
    for (let i = 0; i < target.length; i += 4) view.setFloat32(i, 0.75 + noise.byte() / 510, true)
  })

/**
 * Blocks of a GGUF: a scale in half precision, then weights.
 * @param {number} count of blocks
 * @param {number} blockBytes with the scale
 * @param {number} scale
 */
export function blocks(count, blockBytes, scale) {
  const half = float16(scale)
  let place = 0
  return content(count * blockBytes, (noise, target) => {
    noise.fill(target)
    for (let i = (blockBytes - place) % blockBytes; i < target.length; i += blockBytes) target[i] = half & 0xff
    // The part before may have ended between the two bytes.
    for (let i = (blockBytes + 1 - place) % blockBytes; i < target.length; i += blockBytes) target[i] = half >> 8
    place = (place + target.length) % blockBytes
  })
}

/** @param {Uint8Array} given bytes that are known */
export function fixed(given) {
  let place = 0
  return content(given.length, (_, target) => {
    target.set(given.subarray(place, place + target.length))
    place = (place + target.length) % given.length
  })
}

/**
 * @param {number} bytes
 * @param {Content['fill']} fill
 * @returns {Content}
 */
function content(bytes, fill) {
  return { bytes, fill }
}
