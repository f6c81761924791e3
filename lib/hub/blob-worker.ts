import type { Hash } from 'node:crypto'
import { readSync, writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { contentHash } from './content-hash.js'
import type { RepoFile } from './listing.js'

/** What the thread is asked to do with an open file. One `begin` comes first. */
export type BlobJob =
  | { kind: 'begin'; fd: number; file: Pick<RepoFile, 'size' | 'sha256'> }
  /** Hashes what the file holds there. The result is how many bytes that is. */
  | { kind: 'read'; fd: number; position: number; bytes: number }
  /** Hashes pieces of shared memory and writes them. */
  | { kind: 'write'; fd: number; position: number; pieces: readonly Uint8Array[] }
  /** The result is the hash of everything since `begin`, in hexadecimal digits. */
  | { kind: 'end'; fd: number }

/** An error loses what is its own on the way, hence the fields. */
export type BlobAnswer =
  | { result: string | number | undefined }
  | { failure: Pick<NodeJS.ErrnoException, 'message' | 'code' | 'errno' | 'syscall'> }

/**
 * Bytes of one write. Linux keeps memory of up to 32 KiB in one piece ready for each processor. For larger writes the page cache takes larger
 * pieces, which a virtual machine may have given back to its host: these were measured to cost three times as much.
 */
const writeBytes = 2 ** 15
/** Bytes that are hashed at once. They are still in the processor's cache when they are written. */
const hashBytes = 2 ** 18
/** Bytes that are read at once. */
const readBytes = 2 ** 20

const hashes = new Map<number, Hash>()

parentPort?.on('message', (job: BlobJob) => parentPort?.postMessage(answer(job)))

function answer(job: BlobJob): BlobAnswer {
  try {
    return { result: run(job) }
  } catch (error) {
    const { message, code, errno, syscall } = error as NodeJS.ErrnoException
    return { failure: { message, code, errno, syscall } }
  }
}

function run(job: BlobJob): string | number | undefined {
  if (job.kind === 'begin') {
    hashes.set(job.fd, contentHash(job.file))
    return undefined
  }
  const hash = hashes.get(job.fd)
  if (!hash) throw new Error(`no hash of file ${job.fd} was begun`)
  if (job.kind === 'read') return read(hash, job.fd, job.position, job.bytes)
  if (job.kind === 'end') {
    hashes.delete(job.fd)
    return hash.digest('hex')
  }
  let { position } = job
  for (const piece of job.pieces) {
    write(hash, job.fd, piece, position)
    position += piece.length
  }
  return undefined
}

function read(hash: Hash, fd: number, position: number, bytes: number): number {
  const buffer = Buffer.allocUnsafe(Math.min(bytes, readBytes))
  let done = 0
  while (done < bytes) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, bytes - done), position + done)
    if (count === 0) break
    hash.update(buffer.subarray(0, count))
    done += count
  }
  return done
}

function write(hash: Hash, fd: number, piece: Uint8Array, start: number): void {
  for (let done = 0; done < piece.length; done += hashBytes) {
    const part = piece.subarray(done, done + hashBytes)
    hash.update(part)
    // A disk that fills up takes only part, and fails the next attempt.
    for (let written = 0; written < part.length; ) {
      const position = start + done + written
      const bytes = Math.min(part.length - written, writeBytes - (position % writeBytes))
      written += writeSync(fd, part, written, bytes, position)
    }
  }
}
