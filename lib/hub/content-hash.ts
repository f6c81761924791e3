import { createHash, type Hash } from 'node:crypto'
import type { RepoFile } from './listing.js'

/** The hash by which the hub knows a file: SHA-256 of a large one, git's SHA-1 of a small one. */
export class ContentHash {
  readonly name: 'SHA-256' | 'git SHA-1'
  readonly expected: string
  readonly #hash: Hash

  constructor({ size, oid, sha256 }: Pick<RepoFile, 'size' | 'oid' | 'sha256'>) {
    this.name = sha256 === undefined ? 'git SHA-1' : 'SHA-256'
    this.expected = sha256 ?? oid
    this.#hash = createHash(sha256 === undefined ? 'sha1' : 'sha256')
    // Git hashes a header with the size before the content.
    if (sha256 === undefined) this.#hash.update(`blob ${size}\0`)
  }

  update(piece: Uint8Array): void {
    this.#hash.update(piece)
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** The name of a file's blob in the cache. */
export const etagOf = ({ oid, sha256 }: Pick<RepoFile, 'oid' | 'sha256'>): string => sha256 ?? oid
