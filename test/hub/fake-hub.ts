import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a repository holds, by path. */
export type Files = Record<string, string | Buffer>

/** One request that came, in the order in which they came. */
export interface Seen {
  /** `hub`, or `cdn` for the other host that large files lie on. */
  host: 'hub' | 'cdn'
  method: string
  path: string
  range: string | undefined
  token: string | undefined
}

/** Answers instead of the hub. Returns whether it did. */
export type Fault = (seen: Seen, response: ServerResponse, request: IncomingMessage) => boolean

interface Entry {
  content: Buffer
  oid: string
  sha256: string | undefined
}

const hash = (name: string, ...parts: (string | Buffer)[]): string =>
  parts.reduce((made, part) => made.update(part), createHash(name)).digest('hex')

/**
 * A hub on loopback with the three endpoints that downloads need, in the shapes of the real ones. Files of more than `lfsBytes` lie on
 * another host: `localhost` instead of 127.0.0.1, at another port.
 */
export class FakeHub {
  readonly seen: Seen[] = []
  /** Bytes of bodies that were sent. */
  sent = 0
  fault: Fault = () => false
  /** Entries in a page of a listing. */
  pageSize = 50
  /** Bytes that are sent at once; after each the server awaits `pace`. */
  pieceBytes = 64 * 1024
  pace: (sent: number) => Promise<void> | undefined = () => undefined
  /** Whether Range is obeyed. */
  ranges = true
  url = ''
  cdnUrl = ''
  readonly #lfsBytes: number
  readonly #servers: Server[] = []
  readonly #refs = new Map<string, string>()
  readonly #commits = new Map<string, Map<string, Entry>>()

  private constructor(lfsBytes: number) {
    this.#lfsBytes = lfsBytes
  }

  static async start({ lfsBytes = 10_000 }: { lfsBytes?: number } = {}): Promise<FakeHub> {
    const hub = new FakeHub(lfsBytes)
    hub.url = `http://127.0.0.1:${await hub.#listen('hub')}`
    hub.cdnUrl = `http://localhost:${await hub.#listen('cdn')}`
    return hub
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      const closed = once(server.close(), 'close')
      server.closeAllConnections()
      await closed
    }
  }

  /** Makes a commit, and lets a branch stand at it. */
  commit(repo: string, files: Files, branch = 'main'): string {
    const entries = new Map<string, Entry>()
    for (const [path, given] of Object.entries(files)) {
      const content = Buffer.from(given)
      const large = content.length > this.#lfsBytes
      // The SHA-1 of a large file is that of its pointer.
      const tracked = large ? `oid sha256:${hash('sha256', content)}\nsize ${content.length}\n` : content
      entries.set(path, {
        content,
        oid: hash('sha1', `blob ${tracked.length}\0`, tracked),
        sha256: large ? hash('sha256', content) : undefined,
      })
    }
    const commit = hash('sha1', repo, ...[...entries].map(([path, { oid }]) => `${path} ${oid}`))
    this.#commits.set(`${repo}@${commit}`, entries)
    this.#refs.set(`${repo}@${branch}`, commit)
    return commit
  }

  /** The name of a file's blob in the cache. */
  etag(repo: string, commit: string, path: string): string {
    const { oid, sha256 } = this.#commits.get(`${repo}@${commit}`)!.get(path)!
    return sha256 ?? oid
  }

  /** Paths of what was asked of the hub since the last time. */
  asked(): string[] {
    return this.seen.splice(0).map(({ path }) => path)
  }

  async #listen(host: 'hub' | 'cdn'): Promise<number> {
    const server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname)
      const { range, authorization } = request.headers
      const seen: Seen = { host, method: request.method ?? '', path, range, token: authorization }
      this.seen.push(seen)
      if (this.fault(seen, response, request)) return
      const answer = host === 'hub' ? this.#hub(request, response, path) : this.#file(request, response, path.slice(1))
      answer.catch(() => response.destroy())
    })
    this.#servers.push(server)
    server.listen(0, host === 'hub' ? '127.0.0.1' : 'localhost')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  async #hub(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const [, repo = '', what, rest = ''] =
      /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree|refs)(?:\/(.+))?$/.exec(path) ?? []
    if (what === 'refs') {
      const names = [...this.#refs.keys()].filter((key) => key.startsWith(`${repo}@`))
      return json(response, { branches: names.map((key) => ({ name: key.slice(repo.length + 1) })), tags: [] })
    }
    if (path === '/api/models') {
      const author = new URL(request.url ?? '', 'http://host').searchParams.get('author')
      const repos = [...new Set([...this.#refs.keys()].map((key) => key.split('@')[0] as string))]
      return json(
        response,
        repos.filter((id) => id.startsWith(`${author}/`)).map((id) => ({ id })),
      )
    }
    if (what !== undefined && ![...this.#refs.keys()].some((key) => key.startsWith(`${repo}@`)))
      return refuse(response, 404, 'RepoNotFound', 'Repository not found')
    const commit = this.#refs.get(`${repo}@${rest}`) ?? rest
    const entries = this.#commits.get(`${repo}@${commit}`)
    if (what !== undefined && !entries) return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${rest}`)
    if (what === 'revision') return json(response, { id: repo, sha: commit, siblings: [] })
    if (what === 'tree') return this.#tree(request, response, entries!)
    const [, from = '', revision, file = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? []
    const sha = this.#refs.get(`${from}@${revision}`) ?? revision
    const entry = this.#commits.get(`${from}@${sha}`)?.get(file)
    if (!entry) return refuse(response, 404, 'EntryNotFound', 'Entry not found')
    response.setHeader('x-repo-commit', sha ?? '')
    if (entry.sha256 === undefined) {
      response.setHeader('etag', `"${entry.oid}"`)
      return this.#send(request, response, entry.content)
    }
    response.setHeader('x-linked-size', entry.content.length)
    response.setHeader('x-linked-etag', `"${entry.sha256}"`)
    const to = `${this.cdnUrl}/${from}/${sha}/${file}?signature=secret`
    response.writeHead(302, { location: to, 'content-length': 0 }).end()
  }

  #tree(request: IncomingMessage, response: ServerResponse, entries: Map<string, Entry>): void {
    const start = Number(new URL(request.url ?? '', 'http://host').searchParams.get('cursor') ?? 0)
    const folders = new Set([...entries.keys()].filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
    const listed = [
      ...[...folders].map((path) => ({ type: 'directory', oid: hash('sha1', path ?? ''), size: 0, path })),
      ...[...entries].map(([path, { content, oid, sha256 }]) => ({
        type: 'file',
        oid,
        size: content.length,
        path,
        ...(sha256 !== undefined && { lfs: { oid: sha256, size: content.length, pointerSize: 130 } }),
      })),
    ]
    const end = start + this.pageSize
    const { pathname } = new URL(request.url ?? '', 'http://host')
    if (end < listed.length)
      response.setHeader('link', `<${this.url}${pathname}?recursive=1&cursor=${end}>; rel="next"`)
    json(response, listed.slice(start, end))
  }

  async #file(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const [owner, name, commit, ...rest] = path.split('/')
    const entry = this.#commits.get(`${owner}/${name}@${commit}`)?.get(rest.join('/'))
    if (!entry) return refuse(response, 404, '', 'no such object')
    return this.#send(request, response, entry.content)
  }

  async #send(request: IncomingMessage, response: ServerResponse, content: Buffer): Promise<void> {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec((this.ranges && request.headers.range) || '') ?? []
    let body = content
    if (from !== undefined) {
      body = content.subarray(Number(from), to ? Number(to) + 1 : undefined)
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${from}-${Number(from) + body.length - 1}/${content.length}`)
    }
    response.setHeader('content-length', body.length)
    response.flushHeaders()
    if (request.method === 'HEAD') return void response.end()
    for (let start = 0; start < body.length && !response.destroyed; start += this.pieceBytes) {
      const piece = body.subarray(start, start + this.pieceBytes)
      this.sent += piece.length
      if (!response.write(piece)) await drained(response)
      await this.pace(this.sent)
    }
    response.end()
  }
}

/** Resolves when more can be sent, or nobody is there any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

/** Refuses as the hub does. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { 'x-error-code': code, 'x-error-message': message, 'content-type': 'application/json' })
    .end(JSON.stringify({ error: message }))
}

/** Bytes that look like nothing and are the same each time. */
export function noise(bytes: number, seed = 1): Buffer {
  const made = Buffer.alloc(bytes)
  let state = seed
  for (let i = 0; i + 4 <= bytes; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    made.writeUInt32LE(state, i)
  }
  return made
}
