import { type FileHandle, lstat, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { LLMError } from '../errors.js'
import { isSystemError } from '../file-error.js'
import { lockFile } from '../hub/lock.js'
import { type StoredRepo, scanRepo } from './scan.js'

/** What to remove of a repository. */
export interface Removal {
  /** Default: all commits, and what belongs to none. */
  commit?: string | undefined
  /** Which files of it, by their paths. Default: all. */
  path?: ((path: string) => boolean) | undefined
}

/**
 * Removes a repository, a commit, or files of it from the cache, and every content that no other commit uses.
 * @returns bytes that are free now
 * @throws LLMError ERR_CACHE when the cache cannot be written, or a download of the repository runs
 */
export async function removeFromStore(stored: StoredRepo, { commit, path }: Removal = {}): Promise<number> {
  const locks = await lockAll(stored)
  try {
    if (commit === undefined && path === undefined) return await removeRepo(stored)
    for (const revision of stored.revisions) {
      if (commit !== undefined && revision.commit !== commit) continue
      const files = revision.files.filter((file) => !path || path(file.path))
      const all = files.length === revision.files.length
      // Whoever looks meanwhile finds no branch, not a branch without files.
      if (all) {
        for (const ref of revision.refs) await rm(join(stored.folder, 'refs', ref), { force: true })
        await rm(join(stored.folder, 'trees', `${revision.commit}.json`), { force: true })
        await rm(revision.folder, { recursive: true, force: true })
      } else for (const file of files) await removeFile(join(revision.folder, file.path), revision.folder)
    }
    return await removeUnused(stored)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new LLMError('ERR_CACHE', `${stored.folder}: cannot be removed (${error.message})`, { cause: error })
  } finally {
    await Promise.all(locks.map((lock) => lock.close()))
  }
}

/** Takes the locks under which the contents of a repository are downloaded. */
async function lockAll({ repo, folder }: StoredRepo): Promise<FileHandle[]> {
  const place = join(dirname(folder), '.locks', basename(folder))
  const names = (await readdir(place).catch((): string[] => [])).filter((name) => name.endsWith('.lock'))
  const held: FileHandle[] = []
  try {
    for (const name of names) {
      const lock = await lockFile(join(place, name), () => {
        throw new LLMError('ERR_CACHE', `${repo}: another process downloads it; nothing was removed`)
      })
      if (lock) held.push(lock)
    }
    return held
  } catch (error) {
    await Promise.all(held.map((lock) => lock.close()))
    // Where locks cannot be written, nobody downloads.
    if (isSystemError(error)) return []
    throw error
  }
}

async function removeRepo({ folder, revisions, stray }: StoredRepo): Promise<number> {
  const contents = new Map(revisions.flatMap(({ files }) => files.map(({ content, size }) => [content, size])))
  for (const path of stray) contents.set(path, (await stat(path).catch(() => undefined))?.size ?? 0)
  await rm(folder, { recursive: true, force: true })
  await rm(join(dirname(folder), '.locks', basename(folder)), { recursive: true, force: true })
  return [...contents.values()].reduce((sum, size) => sum + size, 0)
}

/** Removes a file, and the folders up to `top` that it leaves empty. */
async function removeFile(path: string, top: string): Promise<void> {
  await rm(path, { force: true })
  for (let folder = dirname(path); folder !== top && (await readdir(folder)).length === 0; folder = dirname(folder)) {
    await rmdir(folder)
  }
}

/** Removes contents that were used before and are not any more. Beginnings of downloads stay: another process may write them. */
async function removeUnused(before: StoredRepo): Promise<number> {
  const after = await scanRepo(before.folder)
  const used = new Set(after.revisions.flatMap(({ files }) => files.map(({ content }) => content)))
  const contents = new Map(before.revisions.flatMap(({ files }) => files.map((file) => [file.content, file.size])))
  let freed = 0
  for (const [content, size] of contents) {
    if (used.has(content)) continue
    // A content that is shared between repositories lies elsewhere, and stays.
    const shared = (await lstat(content).catch(() => undefined))?.isSymbolicLink() === true
    await rm(content, { force: true })
    if (!shared) freed += size
  }
  if (after.revisions.length === 0 && after.stray.every((path) => contents.has(path))) await removeRepo(after)
  return freed
}
