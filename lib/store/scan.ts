import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'

/** A file of a stored commit. */
export interface StoredFile {
  /** Relative to the repository, with slashes. */
  path: string
  /** Bytes. */
  size: number
  /** Where the content lies: in `blobs`, or in the snapshot itself where there are no symbolic links. */
  content: string
  /** When it was last read or written, in milliseconds since 1970, as precisely as the file system keeps it. */
  used: number
}

/** A commit of a repository that is in the cache, or part of it. */
export interface StoredRevision {
  commit: string
  folder: string
  /** Branches and tags that stand there. */
  refs: string[]
  files: StoredFile[]
}

/** A repository in the cache. */
export interface StoredRepo {
  /** `owner/name`. */
  repo: string
  folder: string
  revisions: StoredRevision[]
  /** Paths of what belongs to no revision: beginnings of downloads, and what was left over. */
  stray: string[]
}

const prefix = 'models--'

/** What the cache holds, by name; nothing when there is no cache. What disappears meanwhile is left out. */
export async function scanStore(cacheDir: string): Promise<StoredRepo[]> {
  const names = await readdir(cacheDir).catch((): string[] => [])
  const repos = names.filter((name) => name.startsWith(prefix)).sort()
  return Promise.all(repos.map((name) => scanRepo(join(cacheDir, name))))
}

/** One repository; without revisions when it is not there. @param folder its `models--owner--name` */
export async function scanRepo(folder: string): Promise<StoredRepo> {
  const refs = await readRefs(join(folder, 'refs'))
  const commits = await readdir(join(folder, 'snapshots')).catch((): string[] => [])
  const revisions: StoredRevision[] = []
  for (const commit of commits.sort()) {
    const place = join(folder, 'snapshots', commit)
    const own = refs.filter((ref) => ref.commit === commit).map(({ name }) => name)
    revisions.push({ commit, folder: place, refs: own, files: await filesOf(place) })
  }
  const used = new Set(revisions.flatMap(({ files }) => files.map(({ content }) => content)))
  const blobs = join(folder, 'blobs')
  const all = await readdir(blobs).catch((): string[] => [])
  const stray = all.map((name) => join(blobs, name)).filter((path) => !used.has(path))
  const repo = basename(folder).slice(prefix.length).replaceAll('--', '/')
  return { repo, folder, revisions, stray }
}

async function readRefs(folder: string): Promise<{ name: string; commit: string }[]> {
  const paths = await filesBelow(folder)
  const refs = await Promise.all(
    paths.map(async (path) => ({
      name: relative(folder, path).replaceAll('\\', '/'),
      commit: (await readFile(path, 'utf8').catch(() => '')).trim(),
    })),
  )
  return refs.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function filesOf(folder: string): Promise<StoredFile[]> {
  const files = await Promise.all(
    (await filesBelow(folder)).map(async (path): Promise<StoredFile[]> => {
      const stats = await stat(path).catch(() => undefined)
      if (!stats) return []
      const { size, atimeMs, mtimeMs } = stats
      const used = Math.max(atimeMs, mtimeMs)
      return [{ path: relative(folder, path).replaceAll('\\', '/'), size, content: await contentOf(path), used }]
    }),
  )
  return files.flat().sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The blob of a link. No further: Python lets a blob be a link to what several repositories share. */
async function contentOf(path: string): Promise<string> {
  const target = await readlink(path).catch(() => undefined)
  return target === undefined ? path : resolve(dirname(path), target)
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
}
