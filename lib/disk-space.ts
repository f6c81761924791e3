import { type FileHandle, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LLMError } from './errors.js'
import { isSystemError } from './file-error.js'

/**
 * @param explain says what the space is for, and how much of it there must be
 * @throws LLMError ERR_DISK_FULL when fewer than `bytes` are free for `folder`
 */
export async function requireSpace(folder: string, bytes: number, explain: (needed: string) => string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (bytes <= free) return
  throw new LLMError('ERR_DISK_FULL', `${explain(gigabytes(bytes))}, and ${gigabytes(free)} are free in ${folder}`)
}

/** An amount of bytes in the words of a message: `1.50 GB`. */
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`

/** Bytes that are free for a folder, or for the nearest one above it that exists; 0 when nobody can tell. */
export async function freeSpace(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch (error) {
    const above = dirname(folder)
    return isSystemError(error) && error.code === 'ENOENT' && above !== folder ? await freeSpace(above) : 0
  }
}

/** Writes all bytes at a place of a file: a disk that fills up takes only part, and fails the next attempt. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; )
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten
}
