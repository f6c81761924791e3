import type { Warn } from '../warnings.js'
import type { RepoFile } from './listing.js'
import type { HubOptions } from './settings.js'

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes that are there, those of earlier attempts included. */
  done: number
  /** Bytes of all files that were asked for. */
  total: number
  /** Bytes in a second, over the last seconds; 0 until that is known. */
  bytesPerSecond: number
  /** Seconds that the rest will take at this rate; undefined until that is known. */
  secondsLeft: number | undefined
}

/** What to download. */
export interface SnapshotRequest extends HubOptions {
  /** `owner/name`. */
  repo: string
  /** A branch, a tag or a commit of 40 hexadecimal digits. Default `main`. */
  revision?: string | undefined
  /** Which of the files that the repository lists are needed, by their paths. What it throws, `snapshot` throws. */
  select: (files: readonly RepoFile[]) => readonly string[]
  onProgress?: ((progress: DownloadProgress) => void) | undefined
  warn: Warn
}

/** Files of one commit, on this machine. */
export interface Snapshot {
  /** The absolute path of the folder that looks like the repository, but for the files that were not asked for. */
  folder: string
  /** 40 hexadecimal digits. */
  commit: string
  /** The paths that `select` returned, relative to {@link folder}. They are all there. */
  files: readonly string[]
}

export async function snapshot(_request: SnapshotRequest): Promise<Snapshot> {
  throw new Error('not built yet')
}
