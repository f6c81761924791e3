import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'
import { failureOf } from './failure.js'
import { retryAfterOf, retryDelay } from './retry.js'

/** How a server is reached. */
export interface HttpSettings {
  /** Without a slash at the end. */
  baseUrl: URL
  apiKey: string | undefined
  headers: Readonly<Record<string, string>>
  maxRetries: number
  connectTimeout: number
  headersTimeout: number
  idleTimeout: number
}

/** One request. */
export interface Ask {
  method: 'GET' | 'POST'
  /** Behind the base URL; `../x` is beside its last part. */
  path: string
  body?: object | undefined
  headers?: Readonly<Record<string, string>> | undefined
  signal?: AbortSignal | undefined
}

/** Bytes of a body that is read whole. */
const mostBytes = 64 << 20
/** Bytes of one that says what went wrong. */
const mostErrorBytes = 64 << 10
/** A response that may succeed when it is asked for again: nothing was begun. */
const mayPass: ReadonlySet<number> = new Set([429, 502, 503])

/**
 * Asks one server, on connections that stay open, through the proxy that the environment names. Redirects are errors: the key goes to the
 * address that was given and nowhere else.
 */
export class HttpClient {
  readonly #settings: HttpSettings
  #dispatcher: Promise<Dispatcher> | undefined

  constructor(settings: HttpSettings) {
    this.#settings = settings
  }

  /** The address of a path, for messages too: there is nothing secret in it. */
  address(path: string): string {
    return new URL(path, `${this.#settings.baseUrl.href}/`).href
  }

  /**
   * A response that succeeded; whoever calls reads or destroys its body.
   * @throws LLMError and TypeError as `failureOf`, ERR_NETWORK, ERR_TIMEOUT; `signal.reason` when aborted
   */
  async ask(asked: Ask): Promise<Dispatcher.ResponseData> {
    const { maxRetries } = this.#settings
    const where = this.address(asked.path)
    for (let attempt = 0; ; attempt++) {
      asked.signal?.throwIfAborted()
      let delay: number | undefined
      let error: unknown
      try {
        const response = await this.#send(asked)
        const { statusCode: status, headers } = response
        if (status >= 200 && status <= 299) return response
        if (status >= 300 && status <= 399) {
          discard(response)
          const location = String(headers.location).slice(0, 200)
          throw new LLMError(
            'ERR_NETWORK',
            `${where} redirects to ${location}, which is not followed: give that address`,
          )
        }
        const retryAfter = retryAfterOf(headers, Date.now())
        error = failureOf({ status, body: await errorBody(response), retryAfter }, where)
        if (mayPass.has(status)) delay = retryDelay(attempt, retryAfter, Math.random())
      } catch (reason) {
        asked.signal?.throwIfAborted()
        if (reason instanceof LLMError) throw reason
        error = this.networkError(asked.path, reason)
        // A server that closes an idle connection crosses the request.
        if (/^(ECONN(REFUSED|RESET)|EPIPE|EAI_AGAIN|UND_ERR_(SOCKET|CONNECT_TIMEOUT))$/.test(codeOf(reason)))
          delay = retryDelay(attempt, undefined, Math.random())
      }
      if (delay === undefined || attempt >= maxRetries) throw error
      await sleep(delay, undefined, { signal: asked.signal }).catch(() => asked.signal?.throwIfAborted())
    }
  }

  /**
   * What a path answers as JSON.
   * @throws as {@link ask}
   */
  async json(asked: Ask): Promise<unknown> {
    const response = await this.ask(asked)
    const text = await this.textOf(response, asked)
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new LLMError(
        'ERR_NETWORK',
        `${this.address(asked.path)}: expected JSON, found ${JSON.stringify(text.slice(0, 100))}`,
        { cause },
      )
    }
  }

  /** A whole body. @throws LLMError ERR_NETWORK, ERR_TIMEOUT; `signal.reason` when aborted */
  async textOf(response: Dispatcher.ResponseData, { path, signal }: Ask): Promise<string> {
    try {
      return await readText(response, mostBytes)
    } catch (cause) {
      signal?.throwIfAborted()
      throw this.networkError(path, cause)
    }
  }

  /** What broke a connection. */
  networkError(path: string, cause: unknown): LLMError {
    if (cause instanceof LLMError) return cause
    const where = this.address(path)
    const { headersTimeout, idleTimeout } = this.#settings
    const code = codeOf(cause)
    if (code === 'UND_ERR_HEADERS_TIMEOUT')
      return new LLMError('ERR_TIMEOUT', `${where}: no response within headersTimeout of ${headersTimeout} ms`, {
        cause,
      })
    if (code === 'UND_ERR_BODY_TIMEOUT')
      return new LLMError('ERR_TIMEOUT', `${where}: nothing came for idleTimeout of ${idleTimeout} ms`, { cause })
    return new LLMError('ERR_NETWORK', `${where}: ${reasonOf(cause)}`, { cause })
  }

  /** Breaks all connections off. */
  async close(): Promise<void> {
    await (await this.#dispatcher)?.destroy()
  }

  async #send({ method, path, body, headers, signal }: Ask): Promise<Dispatcher.ResponseData> {
    const { apiKey, headersTimeout, idleTimeout } = this.#settings
    this.#dispatcher ??= connect(this.#settings.connectTimeout)
    const url = new URL(this.address(path))
    return (await this.#dispatcher).request({
      origin: url.origin,
      path: url.pathname,
      method,
      headers: {
        'user-agent': `openvino-llm/${packageVersion}; node/${process.versions.node}`,
        accept: 'application/json, text/event-stream',
        // Compression would hold tokens back.
        'accept-encoding': 'identity',
        ...this.#settings.headers,
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
      headersTimeout,
      bodyTimeout: idleTimeout,
    })
  }
}

/** Only what connects pays for the HTTP client. */
async function connect(timeout: number): Promise<Dispatcher> {
  const { EnvHttpProxyAgent } = await import('undici')
  return new EnvHttpProxyAgent({ connect: { timeout } })
}

async function errorBody(response: Dispatcher.ResponseData): Promise<unknown> {
  // A body that breaks off or is too long says nothing; the status does.
  const text = await readText(response, mostErrorBytes).catch(() => '')
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

async function readText({ body }: Dispatcher.ResponseData, limit: number): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    size += piece.length
    if (size > limit) throw new RangeError(`the response has more than ${limit} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function discard({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => undefined).destroy()
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const errors = cause instanceof AggregateError ? cause.errors.map((each: Error) => each.message).join(', ') : ''
  return cause.message || errors || cause.name
}
