// @ts-check
import { float16, fromFloat16 } from './float16.mjs'

/**
 * @typedef {object} Scheme how a matrix of weights is kept
 * @property {4 | 8} bits
 * @property {boolean} symmetric signed weights and no zero points; else unsigned ones with a zero point per scale
 * @property {number} group weights of a row that share a scale; 0: the whole row (channel-wise)
 *
 * @typedef {object} Quantized
 * @property {Uint8Array} weights packed; of 4 bits the first one is the low half of its byte
 * @property {Uint8Array} scales in half precision
 * @property {Uint8Array} [zeroPoints] packed as the weights
 */

/**
 * Rounds to the nearest value of the scheme. Each group spans the range from its least to its greatest weight.
 * @param {Float32Array} values
 * @param {number} columns of a row
 * @param {Scheme} scheme
 * @returns {Quantized}
 */
export function quantize(values, columns, { bits, symmetric, group }) {
  const size = group || columns
  if (columns % size !== 0) throw new Error(`${columns} columns are not groups of ${size}`)
  const top = 2 ** bits - 1
  const low = symmetric ? -(2 ** (bits - 1)) : 0
  const weights = new Int16Array(values.length)
  const scales = new Uint16Array(values.length / size)
  const zeroPoints = new Int16Array(scales.length)
  for (let g = 0; g < scales.length; g++) {
    const part = values.subarray(g * size, (g + 1) * size)
    const least = Math.min(0, ...part)
    const greatest = Math.max(0, ...part)
    const step = symmetric ? Math.max(-least, greatest) / -(low + 1) : (greatest - least) / top
    // A group of zeros still needs a scale that a normal half can hold.
    const half = float16(Math.max(step, 2 ** -14))
    const scale = fromFloat16(half)
    const zero = symmetric ? 0 : Math.round(-least / scale)
    scales[g] = half
    zeroPoints[g] = zero
    for (const [i, value] of part.entries()) {
      weights[g * size + i] = Math.min(low + top, Math.max(low, Math.round(value / scale) + zero))
    }
  }
  const packed = { weights: pack(weights, bits), scales: new Uint8Array(scales.buffer) }
  return symmetric ? packed : { ...packed, zeroPoints: pack(zeroPoints, bits) }
}

/**
 * The values that quantized weights stand for, without the rounding to halves that a graph may do on its way.
 * @param {Quantized} quantized
 * @param {number} count of weights
 * @param {Pick<Scheme, 'bits' | 'symmetric'>} scheme
 */
export function dequantize({ weights, scales, zeroPoints }, count, { bits, symmetric }) {
  const halves = new Uint16Array(Uint8Array.from(scales).buffer)
  const integers = unpack(weights, count, bits, symmetric)
  const zeros = zeroPoints && unpack(zeroPoints, halves.length, bits, symmetric)
  const size = count / halves.length
  return Float32Array.from(integers, (integer, i) => {
    const g = Math.floor(i / size)
    return (integer - (zeros?.[g] ?? 0)) * fromFloat16(halves[g] ?? 0)
  })
}

/**
 * @param {Int16Array} integers
 * @param {4 | 8} bits
 */
function pack(integers, bits) {
  if (bits === 8) return Uint8Array.from(integers)
  return Uint8Array.from({ length: Math.ceil(integers.length / 2) }, (_, i) => {
    return ((integers[2 * i] ?? 0) & 15) | (((integers[2 * i + 1] ?? 0) & 15) << 4)
  })
}

/**
 * @param {Uint8Array} packed
 * @param {number} count
 * @param {4 | 8} bits
 * @param {boolean} signed
 */
function unpack(packed, count, bits, signed) {
  return Int16Array.from({ length: count }, (_, i) => {
    const raw = bits === 8 ? (packed[i] ?? 0) : ((packed[i >> 1] ?? 0) >> (i % 2 === 0 ? 0 : 4)) & 15
    return signed && raw >= 2 ** (bits - 1) ? raw - 2 ** bits : raw
  })
}
