import { createHash, type Hash } from 'node:crypto'
import type { RepoFile } from './listing.js'

/** The hash by which the hub knows a file: SHA-256 of a large one, git's SHA-1 of a small one. */
export function contentHash({ size, sha256 }: Pick<RepoFile, 'size' | 'sha256'>): Hash {
  if (sha256 !== undefined) return createHash('sha256')
  // Git hashes a header with the size before the content.
  return createHash('sha1').update(`blob ${size}\0`)
}

export const hashName = ({ sha256 }: Pick<RepoFile, 'sha256'>): string =>
  sha256 === undefined ? 'git SHA-1' : 'SHA-256'

/** What that hash has to be, which is also the name of the file's blob in the cache. */
export const etagOf = ({ oid, sha256 }: Pick<RepoFile, 'oid' | 'sha256'>): string => sha256 ?? oid
