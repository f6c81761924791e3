// @ts-check
import { open } from 'node:fs/promises'

/** @typedef {{ offset: number, content: import('./content.mjs').Content }} Piece of a file */

/** Bytes in memory at a time. */
const part = 16 * 1024 * 1024

/**
 * Writes a file of any size in little memory: each content at its place, with zeros between.
 * @param {string} path
 * @param {readonly Piece[]} pieces in the order of their offsets
 * @param {import('./noise.mjs').Noise} noise
 * @param {number} [size] of the file, when it is longer than its last piece
 * @returns {Promise<number>} bytes written
 */
export async function writePieces(path, pieces, noise, size = 0) {
  const buffer = new Uint8Array(part)
  const file = await open(path, 'w')
  try {
    let place = 0
    for (const { offset, content } of pieces) {
      if (offset < place)
        throw new Error(`${path}: a piece at ${offset} begins before ${place}, where the last one ends`)
      place = offset
      for (let done = 0; done < content.bytes; done += part) {
        const target = buffer.subarray(0, Math.min(part, content.bytes - done))
        content.fill(noise, target)
        for (let written = 0; written < target.length; ) {
          const { bytesWritten } = await file.write(target, written, target.length - written, place)
          written += bytesWritten
          place += bytesWritten
        }
      }
    }
    if (size > place) await file.truncate(size)
    return Math.max(size, place)
  } finally {
    await file.close()
  }
}
