import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAll } from '../disk-space.js'
import { LLMError } from '../errors.js'
import { ContentHash } from './content-hash.js'
import type { HubFile } from './hub-file.js'
import type { RepoFile } from './listing.js'
import type { ProgressMeter } from './progress.js'
import { readFrom } from './ranges.js'

/** Bytes that are read at once of what an earlier attempt left. */
const readBytes = 2 ** 20

/**
 * Downloads a file to `target`, by way of `target`.incomplete: what an earlier attempt left there is read, and only the rest is fetched.
 * The file appears under its name once its size and hash are right.
 *
 * @param locked whether no other process writes `target`.incomplete. Otherwise a file of its own is written, which cannot be resumed.
 * @throws LLMError ERR_INTEGRITY, and nothing stays; as {@link readFrom}, and what came stays; what the file system says
 */
export async function downloadBlob(
  source: HubFile,
  file: RepoFile,
  target: string,
  { locked, meter }: { locked: boolean; meter: ProgressMeter },
): Promise<void> {
  const partial = `${target}${locked ? '' : `.${randomBytes(4).toString('hex')}`}.incomplete`
  await mkdir(dirname(target), { recursive: true })
  try {
    // What an earlier attempt left may be wrong; what comes now is worth an error.
    if ((await attempt(source, file, partial, meter)) || (await attempt(source, file, partial, meter, true))) {
      await rename(partial, target)
    }
  } catch (error) {
    if (!locked || (error instanceof LLMError && error.code === 'ERR_INTEGRITY')) await rm(partial, { force: true })
    throw error
  }
}

/** @returns false when the hash is wrong but part of the file was there before */
async function attempt(
  source: HubFile,
  file: RepoFile,
  partial: string,
  meter: ProgressMeter,
  afresh = false,
): Promise<boolean> {
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644)
  try {
    const hash = new ContentHash(file)
    if (afresh || (await handle.stat()).size > file.size) await handle.truncate(0)
    const resumed = await readAll(handle, hash, source.signal)
    let position = resumed
    meter.add(position, 'found')
    for await (const pieces of readFrom(source, position)) {
      const written = writePieces(handle, pieces, position)
      // A hash is made meanwhile. Should it throw, the failure of the writing still belongs to somebody.
      written.catch(() => undefined)
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
      for (const piece of pieces) hash.update(piece)
      await written
      source.client.release(pieces)
      position += bytes
      meter.add(bytes, 'fetched')
    }
    const found = hash.digest()
    if (found === hash.expected) return true
    meter.add(-position, 'found')
    if (resumed > 0) return false
    throw new LLMError(
      'ERR_INTEGRITY',
      `${source.name}: expected the ${hash.name} ${hash.expected}, found ${found}; the file was removed`,
    )
  } finally {
    await handle.close()
  }
}

/** Hashes what a file holds. @returns how many bytes that is */
async function readAll(handle: FileHandle, hash: ContentHash, signal?: AbortSignal): Promise<number> {
  const buffer = Buffer.allocUnsafe(readBytes)
  for (let position = 0; ; ) {
    signal?.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, readBytes, position)
    if (bytesRead === 0) return position
    hash.update(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
}

async function writePieces(handle: FileHandle, pieces: Buffer[], position: number): Promise<void> {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const { bytesWritten } = await handle.writev(pieces, position)
  if (bytesWritten === bytes) return
  await writeAll(handle, Buffer.concat(pieces).subarray(bytesWritten), position + bytesWritten)
}
