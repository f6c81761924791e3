// @ts-check

/**
 * The bits of a positive number in IEEE 754 half precision, rounded to nearest. Node's oldest supported version has no
 * Float16Array.
 * @param {number} value from 6.2e-5 (the smallest normal one) to 65504
 */
export function float16(value) {
  if (!(value >= 2 ** -14 && value <= 65504)) throw new RangeError(`expected a normal half, found ${value}`)
  const exponent = Math.floor(Math.log2(value))
  // 1024 steps from one power of two to the next; rounding up to it carries into the exponent.
  return Math.round((value / 2 ** exponent - 1) * 1024) + ((exponent + 15) << 10)
}

/**
 * The value of the bits of a finite number in half precision.
 * @param {number} bits
 */
export function fromFloat16(bits) {
  const exponent = (bits >> 10) & 31
  const fraction = (bits & 1023) / 1024
  const magnitude = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -magnitude : magnitude
}
