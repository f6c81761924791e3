import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { replaceFile } from '../cache/temporary.js'
import { LLMError } from '../errors.js'
import { isSystemError } from '../file-error.js'
import { isSha256, type RepoFile } from './listing.js'
import { isCommit, isPath } from './names.js'

/**
 * One repository in the cache, as Python's `huggingface_hub` lays it out:
 *
 *     models--owner--name/blobs/ETAG             contents, by SHA-256 or by git's SHA-1
 *     models--owner--name/blobs/ETAG.incomplete  the beginning of one
 *     models--owner--name/snapshots/COMMIT/PATH  symbolic links to blobs; where there are no links, the contents themselves
 *     models--owner--name/refs/REVISION          the commit of a branch or tag
 *     models--owner--name/trees/COMMIT.json      what the hub lists
 *     .locks/models--owner--name/ETAG.lock
 */
export class RepoCache {
  readonly folder: string
  readonly #locks: string
  readonly #symlinks: boolean

  constructor({ cacheDir, symlinks }: { cacheDir: string; symlinks: boolean }, repo: string) {
    const name = `models--${repo.replaceAll('/', '--')}`
    this.folder = join(cacheDir, name)
    this.#locks = join(cacheDir, '.locks', name)
    this.#symlinks = symlinks
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag)
  }

  lock(etag: string): string {
    return join(this.#locks, `${etag}.lock`)
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  /** The commit that a branch or tag stood at when it was last looked up. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '')
    return isCommit(text.trim()) ? text.trim() : undefined
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    if (!isCommit(revision) && (await this.commitOf(revision)) !== commit)
      await write(join(this.folder, 'refs', revision), commit)
  }

  /** What the hub listed for a commit. Anything but a sound list is as good as none. */
  async listing(commit: string): Promise<RepoFile[] | undefined> {
    try {
      const { format_version, files } = JSON.parse(await readFile(this.#tree(commit), 'utf8'))
      if (format_version !== 1) return undefined
      return Object.entries(files as Record<string, TreeEntry>).map(([path, entry]) => {
        const { size, blob_id: oid, lfs_sha256: sha256, lfs_size, xet_hash: xetHash } = entry
        const bytes = lfs_size ?? size
        const sound =
          isPath(path) && Number.isSafeInteger(bytes) && isCommit(oid) && (sha256 == null || isSha256(sha256))
        if (!sound) throw new Error(`${path} is not sound`)
        return { path, size: bytes, oid, ...(sha256 != null && { sha256 }), ...(xetHash != null && { xetHash }) }
      })
    } catch {
      return undefined
    }
  }

  async setListing(commit: string, listed: readonly RepoFile[]): Promise<void> {
    const entries = [...listed]
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path, size, oid, sha256, xetHash }) => {
        const entry: TreeEntry = { size, blob_id: oid }
        if (sha256 !== undefined) Object.assign(entry, { lfs_sha256: sha256, lfs_size: size })
        if (xetHash !== undefined) entry.xet_hash = xetHash
        return [path, entry]
      })
    const text = JSON.stringify({ format_version: 1, files: Object.fromEntries(entries) }, null, 1)
    await write(this.#tree(commit), text)
  }

  /** The files of a snapshot that are there, with `oid` unknown: caches of earlier versions of `huggingface_hub` hold no list. */
  async present(commit: string): Promise<RepoFile[]> {
    const folder = this.snapshot(commit)
    const entries = await readdir(folder, { recursive: true }).catch((): string[] => [])
    const files = await Promise.all(
      entries.map(async (entry) => {
        const stats = await stat(join(folder, entry)).catch(() => undefined)
        return stats?.isFile() ? [{ path: entry.replaceAll('\\', '/'), size: stats.size, oid: '' }] : []
      }),
    )
    return files.flat()
  }

  /** Whether a snapshot holds a file of the right size. */
  async has(commit: string, { path, size }: RepoFile): Promise<boolean> {
    const stats = await stat(join(this.snapshot(commit), ...path.split('/'))).catch(() => undefined)
    return stats?.isFile() === true && stats.size === size
  }

  /** Puts a blob into a snapshot. @param fresh whether nothing else refers to the blob yet */
  async place(commit: string, path: string, etag: string, fresh: boolean): Promise<void> {
    const target = join(this.snapshot(commit), ...path.split('/'))
    const blob = this.blob(etag)
    await mkdir(dirname(target), { recursive: true })
    const temporary = `${target}.${randomBytes(4).toString('hex')}.tmp`
    try {
      if (!this.#symlinks || !(await linked(relative(dirname(target), blob), temporary))) {
        // Without links a blob that nothing else needs is moved, as Python does: nothing lies there twice.
        await (fresh ? rename(blob, temporary) : copyFile(blob, temporary))
      }
      await rename(temporary, target)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw error
    }
  }

  /** A failure of the file system in the words of a cache; anything else as it is. */
  failure(error: unknown): unknown {
    if (!isSystemError(error)) return error
    if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
      return new LLMError(
        'ERR_DISK_FULL',
        `${this.folder}: the disk is full (${error.message}); what was downloaded is kept, and the next attempt goes on from there`,
        { cause: error },
      )
    return new LLMError(
      'ERR_CACHE',
      `${this.folder}: the cache of downloads cannot be written (${error.message}); set HF_HUB_CACHE to a folder that can`,
      { cause: error },
    )
  }

  #tree(commit: string): string {
    return join(this.folder, 'trees', `${commit}.json`)
  }
}

interface TreeEntry {
  size: number
  blob_id: string
  lfs_sha256?: string | null
  lfs_size?: number | null
  xet_hash?: string | null
}

/** @returns false where the system or the user may not make symbolic links */
async function linked(target: string, path: string): Promise<boolean> {
  try {
    await symlink(target, path, 'file')
    return true
  } catch (error) {
    if (isSystemError(error) && ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code ?? ''))
      return false
    throw error
  }
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await replaceFile(path, text)
}
