import { LLMError } from '../errors.js'
import type { Warn } from '../warnings.js'
import { BlobThread } from './blob-thread.js'
import { RepoCache } from './cache.js'
import { HubClient } from './client.js'
import { type DownloadPlan, fetchFiles } from './fetch-files.js'
import { listFiles, type RepoFile, resolveRevision } from './listing.js'
import { checkRepo, checkRevision, isCommit } from './names.js'
import type { DownloadProgress } from './progress.js'
import { noSuchFile } from './refusal.js'
import { type HubOptions, type HubSettings, hubSettings } from './settings.js'

/** What to download. */
export interface SnapshotRequest extends HubOptions {
  /** `owner/name`. */
  repo: string
  /** A branch, a tag or a commit of 40 hexadecimal digits. Default `main`. */
  revision?: string | undefined
  /** Which of the files that the repository lists are needed, by their paths. What it throws, `snapshot` throws. */
  select: (files: readonly RepoFile[]) => readonly string[]
  /** Called before anything is downloaded, unless everything is there. What it throws, `snapshot` throws. */
  onPlan?: ((plan: DownloadPlan) => void) | undefined
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

/** A listing, and where it is from. */
export interface Listing {
  /** 40 hexadecimal digits. */
  commit: string
  files: readonly RepoFile[]
}

/**
 * Makes sure that files of a repository are on this machine, and says where. What the cache has is not fetched again: when all is there,
 * one request asks whether the branch has moved, and none when offline or when the revision is a commit. When that request fails, what is
 * there is used, with a warning.
 *
 * @throws TypeError for a name that is none; LLMError ERR_NETWORK, ERR_ACCESS, ERR_MODEL_NOT_FOUND, ERR_OFFLINE, ERR_INTEGRITY,
 * ERR_DISK_FULL or ERR_CACHE; what `select` and `onPlan` throw; `signal.reason` when aborted. What was downloaded stays, and the next call
 * goes on from there.
 */
export async function snapshot(request: SnapshotRequest): Promise<Snapshot> {
  const { repo, revision = 'main', signal } = request
  const { cache, settings } = await open(repo, revision, request)
  const known = await cache.commitOf(revision)
  if (settings.offline) return cached(cache, known, request)
  const listing = known === undefined ? undefined : await cache.listing(known)
  // A choice that is not among these files may be among those of a newer commit.
  const there =
    listing && (await complete(cache, { commit: known as string, files: listing }, request).catch(() => undefined))
  if (there && isCommit(revision)) return there
  const thread = new BlobThread()
  // It starts while the hub is asked.
  if (!there) thread.start()
  return withClient(settings, cache, signal, async (client) => {
    const commit = await resolveRevision(client, repo, revision, { signal, ...(there && { retries: 0 }) }).catch(
      (error) => makeDo(error, cache, known, request),
    )
    if (typeof commit !== 'string') return commit
    if (there && commit === known) return there
    const current = await listed(client, cache, repo, commit, signal)
    const files = chosen(request, current)
    await fetchFiles(client, cache, thread, { ...request, commit, files })
    // Only now: whoever is offline finds a branch whose files are all there.
    await cache.setCommit(revision, commit)
    return snapshotOf(cache, commit, files)
  }).finally(() => thread.close())
}

/**
 * What a repository holds; offline, what the cache knows of it.
 * @param revision a branch, a tag or a commit. Default `main`
 * @throws as {@link snapshot}
 */
export async function repoFiles(repo: string, revision = 'main', options: HubOptions = {}): Promise<Listing> {
  const { signal } = options
  const { cache, settings } = await open(repo, revision, options)
  if (settings.offline) {
    const commit = await cache.commitOf(revision)
    const files = commit === undefined ? [] : await cachedFiles(cache, commit)
    if (commit !== undefined && files.length > 0) return { commit, files }
    throw new LLMError(
      'ERR_OFFLINE',
      `${repo}@${revision}: it is not in ${cache.folder}, and the network may not be used`,
    )
  }
  return withClient(settings, cache, signal, async (client) =>
    listed(client, cache, repo, await resolveRevision(client, repo, revision, { signal }), signal),
  )
}

async function open(repo: string, revision: string, options: HubOptions) {
  checkRepo(repo)
  checkRevision(revision)
  options.signal?.throwIfAborted()
  const settings = await hubSettings(options)
  return { settings, cache: new RepoCache(settings, repo) }
}

async function withClient<T>(
  settings: HubSettings,
  cache: RepoCache,
  signal: AbortSignal | undefined,
  work: (client: HubClient) => Promise<T>,
): Promise<T> {
  const client = new HubClient(settings)
  try {
    return await work(client)
  } catch (error) {
    signal?.throwIfAborted()
    throw cache.failure(error)
  } finally {
    await client.close()
  }
}

/** The listing of a commit never changes, so it is asked for once. */
async function listed(
  client: HubClient,
  cache: RepoCache,
  repo: string,
  commit: string,
  signal?: AbortSignal,
): Promise<Listing> {
  const known = await cache.listing(commit)
  if (known) return { commit, files: known }
  const files = await listFiles(client, repo, commit, { signal })
  // Should the cache not be writable, what has to be downloaded says so.
  await cache.setListing(commit, files).catch(() => undefined)
  return { commit, files }
}

/** When the hub does not say where a branch stands: what is in the cache. @throws the error when that will not do */
async function makeDo(
  error: unknown,
  cache: RepoCache,
  known: string | undefined,
  request: SnapshotRequest,
): Promise<Snapshot> {
  const { repo, revision = 'main', signal, warn } = request
  signal?.throwIfAborted()
  if (!(error instanceof LLMError)) throw error
  const there = await cached(cache, known, request).catch(() => {
    throw error
  })
  warn('hub', `${repo}: what is in the cache is used, whether or not ${revision} has moved: ${error.message}`)
  return there
}

/** The snapshot by what is in the cache alone. @throws LLMError ERR_OFFLINE when something lacks; what `select` throws */
async function cached(cache: RepoCache, commit: string | undefined, request: SnapshotRequest): Promise<Snapshot> {
  const { repo, revision = 'main' } = request
  const lacks = (what: string): LLMError =>
    new LLMError('ERR_OFFLINE', `${repo}@${revision}: ${what} in ${cache.folder}, and the network may not be used`)
  const files = commit === undefined ? [] : await cachedFiles(cache, commit)
  if (commit === undefined || files.length === 0) throw lacks('it is not')
  for (const file of chosen(request, { commit, files })) {
    if (!(await cache.has(commit, file))) throw lacks(`${file.path} is not`)
  }
  return snapshotOf(cache, commit, chosen(request, { commit, files }))
}

/** Caches of earlier versions of `huggingface_hub` hold no listing: then what is there has to be all. */
const cachedFiles = async (cache: RepoCache, commit: string): Promise<readonly RepoFile[]> =>
  (await cache.listing(commit)) ?? cache.present(commit)

async function complete(cache: RepoCache, listing: Listing, request: SnapshotRequest): Promise<Snapshot | undefined> {
  const files = chosen(request, listing)
  for (const file of files) if (!(await cache.has(listing.commit, file))) return undefined
  return snapshotOf(cache, listing.commit, files)
}

const snapshotOf = (cache: RepoCache, commit: string, files: readonly RepoFile[]): Snapshot => ({
  folder: cache.snapshot(commit),
  commit,
  files: files.map(({ path }) => path),
})

/** @throws LLMError ERR_MODEL_NOT_FOUND when what was selected is not listed */
function chosen({ repo, revision = 'main', select }: SnapshotRequest, { files }: Listing): RepoFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return [...new Set(select(files))].map((path) => {
    const file = byPath.get(path)
    if (file) return file
    throw noSuchFile({ repo, revision, path }, [...byPath.keys()])
  })
}
