import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher, EnvHttpProxyAgent } from 'undici'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'
import { LargeReads } from './large-reads.js'

/** Milliseconds: to connect, until an answer begins, and between two pieces of it. */
const patience = { connect: 10_000, headers: 30_000, body: 30_000 }
/** How often a request is sent again that failed for a reason that may pass. */
const retries = 5
/** Milliseconds before it is sent again the first time; doubled each time. */
const firstPause = 500
/** A hub that asks to wait for longer is not waited for. */
const longestPause = 120_000
const mostRedirects = 5

export type Response = Dispatcher.ResponseData

export interface Ask {
  headers?: Record<string, string> | undefined
  signal?: AbortSignal | undefined
  /** Default 5. */
  retries?: number | undefined
}

/** Of an answer: where it came from, after all redirects. */
export interface Answer extends Response {
  url: URL
}

/**
 * Sends requests to one hub, through the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). The token goes to the
 * hub only, never to where it redirects.
 */
export class HubClient {
  readonly endpoint: URL
  readonly #token: string | undefined
  readonly #reads = new LargeReads()
  #dispatcher: Dispatcher | undefined

  constructor({ endpoint, token }: { endpoint: URL; token: string | undefined }) {
    this.endpoint = endpoint
    this.#token = token
  }

  get hasToken(): boolean {
    return this.#token !== undefined
  }

  /** An address below the endpoint; the parts of the path are encoded. */
  address(...parts: string[]): URL {
    const url = new URL(this.endpoint)
    url.pathname = [url.pathname.replace(/\/$/, ''), ...parts.map(encodeURIComponent)].join('/')
    return url
  }

  /**
   * The answer to a GET, whatever its status, once it is no redirect and not one that may pass (429, 5xx). Whoever calls reads or destroys
   * its body.
   * @throws LLMError ERR_NETWORK; `signal.reason` when aborted
   */
  async get(url: URL, { headers = {}, signal, retries: most = retries }: Ask = {}): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#follow(url, headers, signal).catch((error: unknown) => {
        signal?.throwIfAborted()
        if (error instanceof LLMError) throw error
        if (attempt >= most || isUntrusted(error)) throw networkError(url, error)
        return undefined
      })
      if (answer && !mayPass(answer.statusCode)) return answer
      const pause = pauseAfter(answer, attempt)
      if (answer && (attempt >= most || pause > longestPause)) {
        const text = await shortText(answer)
        const wait = pause > longestPause ? `, and asks to wait for ${Math.round(pause / 1000)} s` : ''
        throw new LLMError(
          'ERR_NETWORK',
          `${shown(answer.url)}: the hub answers ${answer.statusCode}${wait}${text && `: ${text}`}`,
        )
      }
      if (answer) discard(answer)
      await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted())
    }
  }

  /** Says that a piece of an answer has come to its reader, who will {@link release} it. */
  lend(piece: Buffer): void {
    this.#reads.lend(piece)
  }

  /** Takes pieces of answers back that nobody reads any more: their memory is used again. */
  release(pieces: readonly Buffer[]): void {
    this.#reads.release(pieces)
  }

  /** Closes the connections; answers that are still read break off. */
  async close(): Promise<void> {
    await this.#dispatcher?.destroy()
  }

  async #follow(first: URL, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<Answer> {
    let url = first
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#send(url, headers, signal)
      const location = answer.headers.location
      if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== 'string')
        return Object.assign(answer, { url })
      discard(answer)
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
      const secure = next?.protocol === 'https:' || (next?.protocol === 'http:' && url.protocol === 'http:')
      if (!next || !secure || redirects >= mostRedirects)
        throw new LLMError(
          'ERR_NETWORK',
          `${shown(url)}: a redirect that is not followed, to ${location.slice(0, 200)}`,
        )
      url = next
    }
  }

  async #send(url: URL, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<Response> {
    this.#dispatcher ??= connect(this.#reads)
    const own = url.origin === this.endpoint.origin && this.#token !== undefined
    return this.#dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: {
        'user-agent': `openvino-llm/${packageVersion}; node/${process.versions.node}`,
        // A compressed answer has no ranges.
        'accept-encoding': 'identity',
        ...headers,
        ...(own && { authorization: `Bearer ${this.#token}` }),
      },
      ...(signal && { signal }),
      headersTimeout: patience.headers,
      bodyTimeout: patience.body,
    })
  }
}

/**
 * Only what downloads pays for the HTTP client, and only for what it needs: the package's entry takes 70 ms for fetch, WebSocket and caches,
 * these files take 25 ms. The version is pinned, as their places are no promise.
 */
function connect({ onread }: LargeReads): Dispatcher {
  const load = createRequire(import.meta.url)
  const Agent: typeof EnvHttpProxyAgent = load('undici/lib/dispatcher/env-http-proxy-agent.js')
  // As the entry does it: this is what gives every dispatcher its `request`.
  Object.assign(load('undici/lib/dispatcher/dispatcher.js').prototype, load('undici/lib/api/index.js'))
  const connect = { timeout: patience.connect, onread }
  // Whatever its name says, `proxyTls` is how a proxy is connected to, with TLS or without it.
  return new Agent({ connect, proxyTls: connect })
}

/** Whether the same request may succeed later. */
const mayPass = (status: number): boolean => status === 408 || status === 429 || status >= 500

/** Milliseconds before the next attempt: what the hub asks for, else twice as long as the last time. */
function pauseAfter(answer: Answer | undefined, attempt: number): number {
  const asked = answer?.headers['retry-after']
  const own = firstPause * 2 ** attempt
  if (typeof asked !== 'string') return own
  const ms = /^\d+$/.test(asked) ? Number(asked) * 1000 : Date.parse(asked) - Date.now()
  return Number.isFinite(ms) ? Math.max(ms, 0) : own
}

/** Ends an answer that nobody reads. */
export function discard(answer: Response): void {
  answer.body.on('error', () => undefined).destroy()
}

/** The start of what an answer says, in one line; '' when that is no text. */
export async function shortText(answer: Response): Promise<string> {
  const said = answer.headers['x-error-message']
  discard(answer)
  return typeof said === 'string' ? said.replace(/\s+/g, ' ').slice(0, 300) : ''
}

/** An address without what may be secret: a signature in the query, a password. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`
}

export function networkError(url: URL, cause: unknown): LLMError {
  return new LLMError('ERR_NETWORK', `${shown(url)}: ${reasonOf(cause)}`, { cause })
}

/** Whether the other side's certificate was not accepted. It will not be the next time. */
function isUntrusted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /CERT|^UNABLE_TO_(GET|VERIFY)/.test(String(error.code))
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (isUntrusted(cause)) return `${cause.message}; NODE_EXTRA_CA_CERTS names certificates that are trusted, too`
  const errors = cause instanceof AggregateError ? cause.errors.map((each: Error) => each.message).join(', ') : ''
  return cause.message || errors || cause.name
}
