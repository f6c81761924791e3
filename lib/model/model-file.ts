import { open, stat } from 'node:fs/promises'
import { LLMError } from '../errors.js'
import { fileError } from '../file-error.js'

/** Bytes that a JSON file or a chat template may have: parsing more would hold up the event loop noticeably. */
export const maxTextBytes = 4 * 1024 * 1024

/** Size of a regular file in bytes, or undefined when nothing is there. */
export async function fileSize(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw fileError(path, error)
  })
  // A pipe or a device would block the reader for ever.
  if (stats?.isFile() === false) throw new LLMError('ERR_MODEL_INVALID', `${path}: expected a regular file`)
  return stats?.size
}

/** Size of a file that must exist and hold something, in bytes. */
export async function requireFile(path: string, why: string): Promise<number> {
  const size = await fileSize(path)
  if (size === undefined) throw new LLMError('ERR_MODEL_NOT_FOUND', `${path}: no such file; ${why}`)
  if (size === 0) throw new LLMError('ERR_MODEL_INVALID', `${path}: the file is empty; ${why}`)
  return size
}

/** First `bytes` bytes of a file, fewer when it is shorter. */
export async function readStart(path: string, bytes: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw fileError(path, error)
  }
}

/** Text of an optional UTF-8 file of at most {@link maxTextBytes}. */
export async function readText(path: string): Promise<string | undefined> {
  const size = await fileSize(path)
  if (size === undefined) return undefined
  if (size > maxTextBytes)
    throw new LLMError('ERR_MODEL_INVALID', `${path}: expected at most ${maxTextBytes} bytes, found ${size}`)
  // The limit holds even when the file grows between the two calls.
  const bytes = await readStart(path, size)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new LLMError('ERR_MODEL_INVALID', `${path}: expected UTF-8 text`, { cause })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
