import { LLMError } from '../errors.js'
import { type Ask, type HubClient, shown } from './client.js'
import { isCommit, isPath } from './names.js'
import { refusal } from './refusal.js'
import { textOf } from './text-of.js'

/** A file of a repository, as the hub lists it. */
export interface RepoFile {
  /** Relative to the repository, with slashes. It is checked: not absolute, no `..`. */
  path: string
  /** Bytes. */
  size: number
  /** SHA-1 by which git knows the file, or its pointer when the content lies in LFS: 40 hexadecimal digits. */
  oid: string
  /** SHA-256 of a large file: 64 hexadecimal digits. */
  sha256?: string | undefined
  /** Of the hub's other protocol, which is only kept for other programs. */
  xetHash?: string | undefined
}

/** Bytes of one answer of the hub, and files of one repository. */
const most = { bytes: 20_000_000, files: 100_000 }

/**
 * The commit that a branch or tag stands at.
 * @throws LLMError ERR_NETWORK, ERR_ACCESS, ERR_MODEL_NOT_FOUND; `signal.reason` when aborted
 */
export async function resolveRevision(client: HubClient, repo: string, revision: string, ask: Ask): Promise<string> {
  if (isCommit(revision)) return revision
  const url = client.address('api', 'models', ...repo.split('/'), 'revision', revision)
  const answer = await client.get(url, ask)
  if (answer.statusCode !== 200) throw await refusal(client, answer, { repo, revision }, ask.signal)
  const { sha } = parse(await textOf(answer, most.bytes), url) as { sha?: unknown }
  if (typeof sha !== 'string' || !isCommit(sha)) throw invalid(url, 'sha', 'a commit', sha)
  return sha
}

/**
 * Every file of a commit, by path.
 * @throws as {@link resolveRevision}
 */
export async function listFiles(client: HubClient, repo: string, commit: string, ask: Ask): Promise<RepoFile[]> {
  const files: RepoFile[] = []
  let url: URL | undefined = client.address('api', 'models', ...repo.split('/'), 'tree', commit)
  url.search = 'recursive=1'
  while (url) {
    const page: URL = url
    const answer = await client.get(page, ask)
    if (answer.statusCode !== 200) throw await refusal(client, answer, { repo, revision: commit }, ask.signal)
    const next = nextPage(answer.headers.link, page)
    const entries = parse(await textOf(answer, most.bytes), page)
    if (!Array.isArray(entries)) throw invalid(page, 'the listing', 'an array', entries)
    for (const entry of entries) if (entry?.type === 'file') files.push(fileOf(entry, page))
    if (files.length > most.files) throw new LLMError('ERR_NETWORK', `${shown(page)}: more than ${most.files} files`)
    // An empty page that names another one would be read for ever.
    if (next && entries.length === 0) throw invalid(page, 'the listing', 'entries before the next page', entries)
    url = next
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** What `Link: <address>; rel="next"` names. Only the same hub is asked: the token goes along. */
function nextPage(link: string | string[] | undefined, page: URL): URL | undefined {
  const [, address] = /<([^<>]*)>[^,]*;\s*rel="?next"?/.exec([link ?? ''].flat().join(', ')) ?? []
  if (address === undefined) return undefined
  const next = URL.canParse(address, page.href) ? new URL(address, page) : undefined
  if (next?.origin !== page.origin) throw invalid(page, 'Link', 'an address of the same hub', address)
  return next
}

interface Listed {
  path?: unknown
  size?: unknown
  oid?: unknown
  xetHash?: unknown
  lfs?: { oid?: unknown; size?: unknown }
}

function fileOf({ path, size, oid, xetHash, lfs }: Listed, url: URL): RepoFile {
  if (typeof path !== 'string' || !isPath(path)) throw invalid(url, 'path', 'a path within the repository', path)
  if (typeof oid !== 'string' || !isCommit(oid)) throw invalid(url, `oid of ${path}`, '40 hexadecimal digits', oid)
  const bytes = lfs?.size ?? size
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0)
    throw invalid(url, `size of ${path}`, 'an integer ≥ 0', bytes)
  const file: RepoFile = { path, size: bytes as number, oid }
  if (lfs) {
    if (!isSha256(lfs.oid)) throw invalid(url, `lfs.oid of ${path}`, '64 hexadecimal digits', lfs.oid)
    file.sha256 = lfs.oid
  }
  if (isSha256(xetHash)) file.xetHash = xetHash
  return file
}

export const isSha256 = (hash: unknown): hash is string => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)

function parse(text: string, url: URL): unknown {
  try {
    return JSON.parse(text) ?? {}
  } catch (cause) {
    throw new LLMError('ERR_NETWORK', `${shown(url)}: expected JSON`, { cause })
  }
}

function invalid(url: URL, field: string, expected: string, found: unknown): LLMError {
  const text = JSON.stringify(found)?.slice(0, 100)
  return new LLMError('ERR_NETWORK', `${shown(url)}: expected ${field} to be ${expected}, found ${text}`)
}
