import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** A cache as data: by path, where a link leads or what a file holds. */
export type CacheListing = Record<string, { link: string } | { text: string }>

/** What a cache holds, but for locks and tags, which are empty or explain themselves. */
export function listCache(cacheDir: string): CacheListing {
  const entries = readdirSync(cacheDir, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
  const listed = paths.map((path): [string, { link: string } | { text: string }] => [
    relative(cacheDir, path),
    lstatSync(path).isSymbolicLink() ? { link: readlinkSync(path) } : { text: readFileSync(path, 'latin1') },
  ])
  const own = listed.filter(([path]) => path.startsWith('models--'))
  return Object.fromEntries(own.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Makes a cache of a listing. */
export function makeCache(cacheDir: string, listing: CacheListing): void {
  for (const [path, entry] of Object.entries(listing)) {
    const target = join(cacheDir, path)
    mkdirSync(dirname(target), { recursive: true })
    if ('link' in entry) symlinkSync(entry.link, target)
    else writeFileSync(target, entry.text, 'latin1')
  }
}
