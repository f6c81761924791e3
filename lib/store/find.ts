import { LLMError } from '../errors.js'
import { didYouMean } from '../options/rules.js'
import type { StoredRepo, StoredRevision } from './scan.js'

/** What a reference names in the cache. */
export interface InStore {
  stored: StoredRepo
  /** The commit that it names, if it names one. */
  revision: StoredRevision | undefined
  /** Which files of them it names; undefined for all. */
  path: ((path: string) => boolean) | undefined
}

/**
 * Finds what a reference names: `owner/name`, then if wanted `@revision` (a branch, a tag, or the beginning of a commit), then if wanted
 * `/folder`, `/file` or `:QUANTIZATION`.
 *
 * @throws LLMError ERR_MODEL_NOT_FOUND, with the nearest name that is there
 */
export function findInStore(repos: readonly StoredRepo[], reference: string): InStore {
  const name = reference.replace(/^(huggingface:\/\/|hf:\/\/|hf\.co\/)/i, '')
  const names = repos.map(({ repo }) => repo)
  const stored = repos.find(({ repo }) => name.startsWith(repo) && /^($|[@/:])/.test(name.slice(repo.length)))
  if (!stored) throw notThere(reference, names.length === 0 ? '' : didYouMean(name, names))
  let rest = name.slice(stored.repo.length)
  let revision: StoredRevision | undefined
  if (rest.startsWith('@')) {
    const found = revisionAt(stored, rest.slice(1))
    if (!found) throw notThere(reference, `; there are ${stored.revisions.map(nameOf).join(', ') || 'no commits'}`)
    revision = found.revision
    rest = rest.slice(1 + found.length)
  }
  const path = rest === '' ? undefined : filter(rest)
  const paths = (revision ? [revision] : stored.revisions).flatMap(({ files }) => files.map((file) => file.path))
  if (path && !paths.some(path)) {
    throw notThere(reference, didYouMean(rest.slice(1), paths))
  }
  return { stored, revision, path }
}

/** A branch or tag may hold slashes, so the longest that fits counts. */
function revisionAt({ revisions }: StoredRepo, text: string): { revision: StoredRevision; length: number } | undefined {
  const begins = (name: string): boolean => text.startsWith(name) && /^($|[/:])/.test(text.slice(name.length))
  const named = revisions.flatMap((revision) =>
    revision.refs.filter(begins).map(({ length }) => ({ revision, length })),
  )
  const longest = named.sort((a, b) => b.length - a.length)[0]
  if (longest) return longest
  const [hash = ''] = /^[0-9a-f]{4,40}(?=$|[/:])/.exec(text) ?? []
  const found = hash === '' ? [] : revisions.filter(({ commit }) => commit.startsWith(hash))
  return found.length === 1 && found[0] ? { revision: found[0], length: hash.length } : undefined
}

function filter(rest: string): (path: string) => boolean {
  const name = rest.slice(1).toLowerCase()
  if (rest.startsWith('/')) return (path) => path.toLowerCase() === name || path.toLowerCase().startsWith(`${name}/`)
  return (path) => {
    const file = path.toLowerCase()
    return file.endsWith('.gguf') && file.split(/[-./]/).includes(name)
  }
}

/** How people are told of a commit. */
export const nameOf = ({ refs, commit }: StoredRevision): string => refs[0] ?? commit.slice(0, 8)

const notThere = (reference: string, near: string): LLMError =>
  new LLMError('ERR_MODEL_NOT_FOUND', `${reference}: it is not in the cache of downloads${near}`)
