import { mkdir, stat } from 'node:fs/promises'
import { requireSpace } from '../disk-space.js'
import { downloadBlob } from './blob.js'
import type { BlobThread } from './blob-thread.js'
import type { RepoCache } from './cache.js'
import type { HubClient } from './client.js'
import { Connections } from './connections.js'
import { etagOf } from './content-hash.js'
import type { HubFile } from './hub-file.js'
import type { RepoFile } from './listing.js'
import { lockFile } from './lock.js'
import { type DownloadProgress, ProgressMeter } from './progress.js'
import { refusal } from './refusal.js'

/** Requests at once, of all files together; and files at once. */
const most = { connections: 8, files: 4 }

/** Bytes of a download. */
export interface DownloadPlan {
  /** Of all files that are needed. */
  total: number
  /** Of what has to be fetched for them. */
  missing: number
}

/** The files of a commit that are needed. */
export interface Needed {
  repo: string
  commit: string
  files: readonly RepoFile[]
  signal?: AbortSignal | undefined
  onPlan?: ((plan: DownloadPlan) => void) | undefined
  onProgress?: ((progress: DownloadProgress) => void) | undefined
  warn: (code: string, message: string) => void
}

/** One content, under as many paths as have it. */
interface Content {
  file: RepoFile
  paths: string[]
  /** Bytes that an earlier attempt left. */
  begun: number
}

/** Downloads those files of a snapshot that are not in the cache. @throws as `snapshot` */
export async function fetchFiles(
  client: HubClient,
  cache: RepoCache,
  thread: BlobThread,
  needed: Needed,
): Promise<void> {
  const { commit, files, onPlan, onProgress, signal } = needed
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const contents = await missingOf(cache, commit, files)
  if (contents.size === 0) return
  const missing = [...contents.values()].reduce((sum, { file, begun }) => sum + file.size - begun, 0)
  if (missing > 0) onPlan?.({ total, missing })
  await mkdir(cache.folder, { recursive: true })
  await requireSpace(cache.folder, missing, (amount) => `${needed.repo}: ${amount} are to be downloaded`)
  const absent = [...contents.values()].reduce((sum, { file, paths }) => sum + file.size * paths.length, 0)
  const meter = new ProgressMeter(total, onProgress)
  meter.add(total - absent, 'found')
  const stop = new AbortController()
  const all = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const fetch = {
    client,
    cache,
    meter,
    thread,
    connections: new Connections(most.connections),
    needed: { ...needed, signal: all },
    warned: false,
  }
  const queue = [...contents.values()].values()
  const failures: unknown[] = []
  const work = async (): Promise<void> => {
    for (const content of queue) {
      await fetchOne(fetch, content).catch((error: unknown) => {
        // The first failure ends the others.
        failures.push(error)
        stop.abort()
      })
    }
  }
  await Promise.all(Array.from({ length: most.files }, work))
  meter.close()
  signal?.throwIfAborted()
  if (failures.length > 0) throw failures[0]
}

/** What is not in the snapshot, by ETag. */
async function missingOf(cache: RepoCache, commit: string, files: readonly RepoFile[]): Promise<Map<string, Content>> {
  const contents = new Map<string, Content>()
  for (const file of files) {
    if (await cache.has(commit, file)) continue
    const etag = etagOf(file)
    const content = contents.get(etag)
    if (content) content.paths.push(file.path)
    else contents.set(etag, { file, paths: [file.path], begun: await begunOf(cache.blob(etag), file.size) })
  }
  return contents
}

/** Bytes of a blob that are there, whole or not. */
async function begunOf(blob: string, size: number): Promise<number> {
  for (const path of [blob, `${blob}.incomplete`]) {
    const found = (await stat(path).catch(() => undefined))?.size
    if (found !== undefined && found <= size) return found
  }
  return 0
}

interface Fetch {
  client: HubClient
  cache: RepoCache
  connections: Connections
  meter: ProgressMeter
  thread: BlobThread
  needed: Needed
  /** Whether it was said that there are no locks: once is enough for all files. */
  warned: boolean
}

/** Several processes may come here at once: the first one downloads, the others find the blob. */
async function fetchOne(fetch: Fetch, { file, paths }: Content): Promise<void> {
  const { client, cache, connections, meter, thread, needed } = fetch
  const { repo, commit, signal, warn } = needed
  signal?.throwIfAborted()
  const etag = etagOf(file)
  const blob = cache.blob(etag)
  const name = `${repo}/${file.path}`
  const wait = (): void => warn('hub', `${name}: another process downloads it; this one waits`)
  const lock = await lockFile(cache.lock(etag), wait, signal)
  try {
    if (!lock && !fetch.warned) {
      fetch.warned = true
      warn(
        'hub',
        `${repo}: this system, or a missing addon, gives no file locks, so another process may download the same files`,
      )
    }
    const fresh = (await stat(blob).catch(() => undefined))?.size !== file.size
    if (fresh) {
      const refuse: HubFile['refuse'] = (answer) =>
        refusal(client, answer, { repo, revision: commit, path: file.path }, signal)
      const url = client.address(...repo.split('/'), 'resolve', commit, ...file.path.split('/'))
      const source = { client, connections, url, moved: {}, name, size: file.size, refuse, signal }
      await downloadBlob(source, file, blob, { locked: lock !== undefined, meter, thread })
    } else meter.add(file.size, 'found')
    for (const [index, path] of paths.entries()) {
      await cache.place(commit, path, etag, fresh && index === paths.length - 1)
      if (index > 0) meter.add(file.size, 'found')
    }
  } finally {
    await lock?.close()
  }
}
