import * as check from '../options/rules.js'
import { defaultsOf, type Table } from '../options/table.js'
import type { Models } from './models.js'

/** A key that clients send as `Authorization: Bearer KEY`, and its name in logs. */
export interface ApiKey {
  name: string
  /** At least 8 characters. */
  key?: string | undefined
  /** Instead of the key: its SHA-256, as 64 hexadecimal digits. The key must be random then: SHA-256 is quick to guess. */
  sha256?: string | undefined
  /** Takes the place of the field `priority` in every request with this key. */
  priority?: number | undefined
}

/** Options of a server. */
export interface ServerOptions {
  /** Keys, one of which every request must have but those to /healthz and /readyz. Default none: everybody may ask. */
  apiKeys?: readonly (string | ApiKey)[] | undefined
  /** Most bytes of a request's body. Default 16 MiB. */
  maxBodyBytes?: number | undefined
  /** Most answers of one request (`n`), 1 to 64. Default 16. */
  maxN?: number | undefined
  /** Responses of /v1/responses that are kept for `previous_response_id`, the last ones; 0 keeps none. Default 1000. */
  storedResponses?: number | undefined
  /**
   * Most bytes that models may take together. One that is asked for and finds no room makes others leave that the server has loaded, the
   * least recently used first; those that the caller has loaded count and stay. By default there is no bound.
   */
  maxModelBytes?: number | undefined
  /** Milliseconds after which a request fails with 504. By default never. */
  requestTimeout?: number | undefined
  /** Origins of web pages that may ask, or `*`. Default none. */
  corsOrigins?: readonly string[] | undefined
  /** Whether `/` is a page to chat with the models in a browser. It needs no key to be seen; what it asks for does. Default true. */
  page?: boolean | undefined
  /** Is told of failures that are the server's, with the id of the request. By default nobody is. */
  onError?: ((error: unknown, requestId: string) => void) | undefined
  /** Is told of each request when its response begins; nothing of its text is in there. */
  onAccess?: ((record: AccessRecord) => void) | undefined
}

/** One request, for a log. */
export interface AccessRecord {
  /** ISO 8601. */
  time: string
  requestId: string
  method: string
  path: string
  status: number
  /** From the request's head to the response's. */
  milliseconds: number
  /** The model that computed something for it. */
  model: string | null
  /** The name of the API key. */
  key: string | null
}

const keyRule: check.Rule = {
  expected: 'a key of at least 8 characters, or { name, and key or sha256 (64 hexadecimal digits), priority }',
  accepts: (value) => {
    if (!check.object.accepts(value)) return isKey(value)
    const { name, key, sha256, priority = 0, ...others } = value as ApiKey
    const isHash = typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256)
    return (
      typeof name === 'string' &&
      (sha256 === undefined ? isKey(key) : isHash && key === undefined) &&
      Number.isFinite(priority) &&
      Object.keys(others).length === 0
    )
  },
}
const isKey = (value: unknown): boolean => typeof value === 'string' && value.length >= 8

export const serverTable = {
  apiKeys: check.listOf(keyRule, 10_000),
  maxBodyBytes: { ...check.integer(1024), default: 16 << 20 },
  maxN: { ...check.integer(1, 64), default: 16 },
  storedResponses: { ...check.integer(0, 1_000_000), default: 1000 },
  maxModelBytes: check.number('of bytes above 0', (value) => value > 0),
  requestTimeout: check.integer(1),
  corsOrigins: check.listOf(check.string, 1000),
  page: { ...check.boolean, default: true },
  onError: check.callback,
  onAccess: check.callback,
} as const satisfies Table<ServerOptions>

export const serverDefaults = defaultsOf(serverTable)

/** What may change while a server runs. What is absent stays. */
export interface ServerChange extends Pick<ServerOptions, 'apiKeys'> {
  /** A model that stays must be the same object; it keeps its place in memory. Others end when their last request has ended. */
  models?: Models | undefined
  /** Another certificate and private key, as PEM, for connections that come from now on. Only for a server that speaks HTTPS. */
  tls?: ListenOptions['tls']
}

export const changeTable = {
  apiKeys: serverTable.apiKeys,
  models: { expected: 'models, as createServer takes them', accepts: (value) => typeof value === 'object' },
  tls: check.object,
} as const satisfies Table<ServerChange>

/** Options of listening. */
export interface ListenOptions {
  /** Default 8000; 0 takes a free one. */
  port?: number | undefined
  /** Address to listen on. Another one than loopback needs `apiKeys`, or `insecure`. Default `127.0.0.1`. */
  host?: string | undefined
  /** Names under which clients call this server, beside its address: other ones in the header `Host` are refused on loopback. */
  allowedHosts?: readonly string[] | undefined
  /** Certificate and private key, as PEM: then it speaks HTTPS. */
  tls?: { cert: string | Buffer; key: string | Buffer } | undefined
  /** Whether everybody who reaches the address may use the models. Default false. */
  insecure?: boolean | undefined
  /** Most connections at once, 1 to 1,000,000; further ones are closed at once. By default there is no bound. */
  maxConnections?: number | undefined
  /** Milliseconds in which a client must have sent the head of a request. Default 10,000. */
  headTimeout?: number | undefined
  /** Milliseconds in which a client must have sent all of a request. Default 60,000. */
  bodyTimeout?: number | undefined
}

export const listenTable = {
  port: { ...check.integer(0, 65_535), default: 8000 },
  host: { ...check.string, default: '127.0.0.1' },
  allowedHosts: check.listOf(check.string, 1000),
  tls: check.object,
  insecure: { ...check.boolean, default: false },
  maxConnections: check.integer(1, 1_000_000),
  headTimeout: { ...check.integer(1), default: 10_000 },
  bodyTimeout: { ...check.integer(1), default: 60_000 },
} as const satisfies Table<ListenOptions>

export const listenDefaults = defaultsOf(listenTable)
