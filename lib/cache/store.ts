import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { LLMError } from '../errors.js'
import { isSystemError } from '../file-error.js'
import { cacheRoot } from './root.js'
import { discard, fillFolder, isAbandoned, isTemporary, replaceFile } from './temporary.js'

/** One kind of what is cached: its names and its limits. */
export interface CacheKind {
  /** Folder below the cache's root. */
  folder: string
  /** How its entries (files or folders) are called. Whatever else lies in the folder is left alone. */
  entry: RegExp
  /** Milliseconds after which an entry that nobody has used is removed. Default: never. */
  maxAge?: number
  /** Most bytes of all entries together, before those that were not used for longest are removed. Default: no limit. */
  maxBytes?: number
}

/**
 * The entries of one kind. Several processes may share them: an entry appears and disappears in one step, and whoever finds one gone makes
 * it again. The time of an entry's last use is its time of modification.
 */
export class CacheStore {
  readonly folder: string
  readonly #kind: CacheKind

  constructor(kind: CacheKind, root: string = cacheRoot()) {
    this.#kind = kind
    this.folder = join(root, kind.folder)
  }

  /** Where the entry is, or would be. */
  pathOf(name: string): string {
    return join(this.folder, name)
  }

  /** Makes the folder. @throws what the file system says */
  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
  }

  /** Names of all entries, sorted; none when the folder cannot be read. */
  async names(): Promise<string[]> {
    const names = await readdir(this.folder).catch((): string[] => [])
    return names.filter((name) => this.#kind.entry.test(name)).sort()
  }

  /**
   * What a file holds. A file that is missing, cannot be read, or does not hold what it should is as good as none.
   * @param parse throws, or returns undefined, when the text is not what it should be
   */
  async read<T>(name: string, parse: (text: string) => T | undefined): Promise<T | undefined> {
    try {
      return parse(await readFile(this.pathOf(name), 'utf8'))
    } catch {
      return undefined
    }
  }

  /** Writes a file, in one step. @throws what the file system says */
  async write(name: string, text: string): Promise<void> {
    await this.open()
    await replaceFile(this.pathOf(name), text)
  }

  /** Makes a folder, in one step. When another process is first, its folder stays. @throws what `work` or the file system says */
  async fill(name: string, work: (folder: string) => Promise<void>): Promise<void> {
    await this.open()
    await fillFolder(this.pathOf(name), work)
  }

  /** Removes an entry if it is there, in one step. @throws what the file system says */
  async remove(name: string): Promise<void> {
    await discard(this.pathOf(name)).catch((error: unknown) => {
      if (!isSystemError(error) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw error
    })
  }

  /** Notes that an entry is used now. @throws what the file system says */
  async use(name: string): Promise<void> {
    const now = new Date()
    await utimes(this.pathOf(name), now, now)
  }

  /**
   * Removes what interrupted processes have left, what was not used for too long, and what is too much. An entry that cannot be removed
   * stays: another process may be removing it, or use it.
   * @param kept the entry that is used now: it stays whatever its size
   * @param useless whether nobody here can ever use an entry: of too many, such leave first
   */
  async tidy(kept: string, useless: (name: string) => boolean = () => false): Promise<void> {
    const { entry, maxAge = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = this.#kind
    const entries: { name: string; used: number; bytes: number }[] = []
    for (const name of await readdir(this.folder).catch((): string[] => [])) {
      const path = this.pathOf(name)
      const used = (await stat(path).catch(() => undefined))?.mtimeMs
      if (used === undefined) continue
      if (isTemporary(name)) {
        if (isAbandoned(name, used)) await rm(path, { recursive: true, force: true }).catch(() => undefined)
      } else if (entry.test(name)) {
        if (name !== kept && Date.now() - used > maxAge) await this.remove(name).catch(() => undefined)
        else entries.push({ name, used, bytes: Number.isFinite(maxBytes) ? await sizeOf(path) : 0 })
      }
    }
    let total = entries.reduce((sum, { bytes }) => sum + bytes, 0)
    const order = (a: (typeof entries)[number], b: (typeof entries)[number]) =>
      Number(useless(b.name)) - Number(useless(a.name)) || a.used - b.used
    for (const { name, bytes } of entries.sort(order)) {
      if (total <= maxBytes) return
      if (name === kept) continue
      await this.remove(name).catch(() => undefined)
      total -= bytes
    }
  }

  /** A failure of the file system in the words of a cache, LLMError `ERR_CACHE`; anything else as it is. */
  failure(error: unknown): unknown {
    if (!isSystemError(error)) return error
    return new LLMError(
      'ERR_CACHE',
      `${this.folder}: the cache folder cannot be written (${error.message}); set OPENVINO_LLM_CACHE to one that can`,
      { cause: error },
    )
  }
}

/** Bytes of a file, or of all files in a folder; what disappears meanwhile counts nothing. */
async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats?.isDirectory()) return stats?.size ?? 0
  const names = await readdir(path).catch((): string[] => [])
  const sizes = await Promise.all(names.map((name) => sizeOf(join(path, name))))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}
