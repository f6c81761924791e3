import type { HubOptions } from './settings.js'

/** A file of a repository, as the hub lists it. */
export interface RepoFile {
  /** Relative to the repository, with slashes. It is checked: not absolute, no `..`. */
  path: string
  /** Bytes. */
  size: number
  /** SHA-1 by which git knows the file, or its pointer when the content lies in LFS: 40 hexadecimal digits. */
  oid: string
  /** SHA-256 of a large file: 64 hexadecimal digits. */
  sha256?: string | undefined
}

export async function repoFiles(
  _repo: string,
  _revision: string | undefined,
  _options: HubOptions = {},
): Promise<{ commit: string; files: RepoFile[] }> {
  throw new Error('not built yet')
}
