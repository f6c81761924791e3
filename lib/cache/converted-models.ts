import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { fileError } from '../file-error.js'
import type { CacheKind } from './store.js'

/** Models that were converted from GGUF: a model folder each. */
export const convertedModels: CacheKind = { folder: 'gguf', entry: /^[0-9a-f]{32}$/ }

/** Bytes at the start of a GGUF that identify it: header and most of the metadata. */
const headBytes = 1024 * 1024
/** Bytes at its end: weights. */
const tailBytes = 64 * 1024

/** Of what the addon makes of a GGUF: another one whenever that changes, so that folders made before are not used. */
const conversion = 'rotated halves'

/**
 * Name of a conversion: the same files (several of a split GGUF), package and runtime give the same name.
 * @throws LLMError when the GGUF cannot be read
 */
export async function conversionName(
  paths: readonly string[],
  { version, openvino }: { version: string; openvino: string },
): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    try {
      const file = await open(path, 'r')
      try {
        const { size: bigSize, mtimeNs } = await file.stat({ bigint: true })
        const size = Number(bigSize)
        hash.update(JSON.stringify([size, String(mtimeNs), conversion, version, openvino]))
        for (const [position, length] of [
          [0, headBytes],
          [Math.max(0, size - tailBytes), tailBytes],
        ] as const) {
          const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
          hash.update(buffer.subarray(0, bytesRead))
        }
      } finally {
        await file.close()
      }
    } catch (error) {
      throw fileError(path, error)
    }
  }
  return hash.digest('hex').slice(0, 32)
}
