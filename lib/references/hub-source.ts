import { snapshot } from '../hub/download.js'
import { httpsText } from '../hub/https-text.js'
import type { Warn } from '../warnings.js'
import { findStored } from './stored.js'

/** How much of a download is done, in bytes. */
export interface HubProgress {
  done: number
  total: number
}

/** A file of a repository. */
export interface HubFile {
  path: string
  size: number
}

/** Which files of which repository are wanted. */
export interface HubRequest {
  /** `owner/name`. */
  repo: string
  /** Undefined for the default branch. */
  revision?: string | undefined
  /** What it throws, `snapshot` throws. */
  select: (files: readonly HubFile[]) => readonly string[]
  offline?: boolean | undefined
  signal?: AbortSignal | undefined
  onProgress?: ((progress: HubProgress) => void) | undefined
  warn: Warn
}

/** What references need of the hub; lib/hub gives it, and tests stand in for it. */
export interface HubSource {
  /** Files of one commit, on this machine. */
  snapshot(request: HubRequest): Promise<{ folder: string; commit: string }>
  /** What is called so in the cache of downloads: references to it. */
  stored(name: string): Promise<string[]>
  /** A text of at most `limit` bytes from a server. */
  text(url: string, options: { limit: number; signal?: AbortSignal | undefined }): Promise<string>
}

/** The hub, and the cache that is shared with Python. */
export const hubSource: HubSource = { snapshot, text: httpsText, stored: findStored }
