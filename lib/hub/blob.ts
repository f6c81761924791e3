import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LLMError } from '../errors.js'
import type { BlobThread } from './blob-thread.js'
import { etagOf, hashName } from './content-hash.js'
import type { HubFile } from './hub-file.js'
import type { RepoFile } from './listing.js'
import type { ProgressMeter } from './progress.js'
import { readFrom } from './ranges.js'

/** Bytes that are read without looking whether the download was aborted. */
const readBytes = 2 ** 23

/** How a file is downloaded. */
export interface Download {
  /** Whether no other process writes the blob's .incomplete. Otherwise a file of its own is written, which cannot be resumed. */
  locked: boolean
  meter: ProgressMeter
  thread: BlobThread
}

/**
 * Downloads a file to `target`, by way of `target`.incomplete: what an earlier attempt left there is read, and only the rest is fetched.
 * The file appears under its name once its size and hash are right.
 *
 * @throws LLMError ERR_INTEGRITY, and nothing stays; as {@link readFrom}, and what came stays; what the file system says
 */
export async function downloadBlob(source: HubFile, file: RepoFile, target: string, download: Download): Promise<void> {
  const { locked } = download
  const partial = `${target}${locked ? '' : `.${randomBytes(4).toString('hex')}`}.incomplete`
  await mkdir(dirname(target), { recursive: true })
  try {
    // What an earlier attempt left may be wrong; what comes now is worth an error.
    if ((await attempt(source, file, partial, download)) || (await attempt(source, file, partial, download, true))) {
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
  { meter, thread }: Download,
  afresh = false,
): Promise<boolean> {
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644)
  const { fd } = handle
  let writing: Promise<void> = Promise.resolve()
  try {
    const { size } = await handle.stat()
    const kept = afresh || size > file.size ? 0 : size
    if (kept < size) await handle.truncate(0)
    // Should this fail, so does every other job. The thread may still be starting: what is to come is asked for meanwhile.
    thread.run({ kind: 'begin', fd, file }).catch(() => undefined)
    const resumed = kept === 0 ? 0 : await readAll(thread, fd, source.signal)
    let position = resumed
    meter.add(position, 'found')
    for await (const pieces of readFrom(source, position)) {
      // While these are written, the next ones come.
      const before = writing
      writing = write(pieces, position)
      writing.catch(() => undefined)
      await before
      position += lengthOf(pieces)
    }
    await writing
    const found = await thread.run({ kind: 'end', fd })
    if (found === etagOf(file)) return true
    meter.add(-position, 'found')
    if (resumed > 0) return false
    throw new LLMError(
      'ERR_INTEGRITY',
      `${source.name}: expected the ${hashName(file)} ${etagOf(file)}, found ${found}; the file was removed`,
    )
  } finally {
    // The thread must not write to whatever file gets this number next.
    await writing.catch(() => undefined)
    await handle.close()
  }

  async function write(pieces: Buffer[], position: number): Promise<void> {
    await thread.run({ kind: 'write', fd, position, pieces })
    source.client.release(pieces)
    meter.add(lengthOf(pieces), 'fetched')
  }
}

/** Hashes what a file holds. @returns how many bytes that is */
async function readAll(thread: BlobThread, fd: number, signal?: AbortSignal): Promise<number> {
  for (let position = 0; ; ) {
    signal?.throwIfAborted()
    const count = (await thread.run({ kind: 'read', fd, position, bytes: readBytes })) as number
    if (count === 0) return position
    position += count
  }
}

const lengthOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { length }) => sum + length, 0)
