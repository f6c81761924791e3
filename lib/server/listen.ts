import { once } from 'node:events'
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { ApiError } from './api-error.js'
import { type ListenOptions, listenDefaults } from './options.js'
import { withStreamWritten } from './written-stream.js'

/** A server that listens. */
export interface Listening {
  /** Where clients find it, without a path: `http://127.0.0.1:8000`. */
  readonly url: string
  readonly port: number
  /** Takes no new connections, and resolves when the last response has been sent. */
  close(): Promise<void>
}

/** One that can take another certificate, if it speaks HTTPS. */
export interface Renewable extends Listening {
  renew?(tls: Certificate): void
}

type Certificate = NonNullable<ListenOptions['tls']>

/** Milliseconds between two looks for clients that are too slow. Node's own are half a minute apart. */
const slowCheck = 1000

/**
 * Milliseconds that a connection without a request is kept. Proxies keep theirs for a minute and busy clients may notice an end late: whoever
 * sends a request just then loses it. Node's own are 5 seconds.
 */
const keepAlive = 75_000

/**
 * @param hasKeys whether requests need an API key
 * @throws TypeError for an address that others reach, without keys
 */
export async function listen(
  fetch: (request: Request) => Promise<Response>,
  options: ListenOptions,
  hasKeys: boolean,
): Promise<Renewable> {
  const { port = listenDefaults.port, host = listenDefaults.host, allowedHosts = [], insecure = false, tls } = options
  const { maxConnections, headTimeout = listenDefaults.headTimeout, bodyTimeout = listenDefaults.bodyTimeout } = options
  const local = isLoopback(host)
  if (!local && !hasKeys && !insecure) {
    throw new TypeError(`others can reach ${host}: give apiKeys, or insecure: true to let everybody use the models`)
  }
  const allowed = new Set(allowedHosts.map((name) => name.toLowerCase()))
  /** How the last URL began that was looked at. Most clients ask by the same name; parsing each URL would delay each first token. */
  let usual = 'none'
  const guarded = async (request: Request, { outgoing }: HttpBindings): Promise<Response> => {
    const { url } = request
    // A page of another site can make a browser ask a name of its own that leads here (DNS rebinding).
    if (local && !url.startsWith(usual)) {
      const { hostname, origin } = new URL(url)
      if (!isLoopback(hostname) && !allowed.has(hostname)) {
        return new ApiError(403, `this server is not called ${hostname.slice(0, 200)}: see allowedHosts`, {
          code: 'unknown_host',
        }).responseWith()
      }
      usual = `${origin}/`
    }
    return await withStreamWritten(await fetch(request), outgoing)
  }
  const server = createAdaptorServer({
    fetch: guarded,
    // The process is not ours alone.
    overrideGlobalObjects: false,
    ...(tls && { createServer: createHttpsServer }),
    serverOptions: {
      headersTimeout: headTimeout,
      requestTimeout: bodyTimeout,
      keepAliveTimeout: keepAlive,
      connectionsCheckingInterval: Math.min(slowCheck, headTimeout, bodyTimeout),
      ...tls,
    },
  } as Parameters<typeof createAdaptorServer>[0]) as HttpServer
  const open = new Set<IncomingMessage>()
  let closing = false
  const cutOthers = () => {
    // What is no whole request by now will have no answer.
    for (const request of open) if (!request.complete) request.destroy()
    if (open.size === 0) server.closeAllConnections()
  }
  server.on('request', (request, response) => {
    open.add(request)
    response.once('close', () => {
      open.delete(request)
      if (closing) cutOthers()
    })
  })
  if (maxConnections !== undefined) server.maxConnections = maxConnections
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `${tls ? 'https' : 'http'}://${name}:${address.port}`,
    port: address.port,
    ...(tls && { renew: (other: Certificate) => (server as HttpServer as HttpsServer).setSecureContext(other) }),
    close: () =>
      new Promise((resolve) => {
        closing = true
        server.close(() => resolve())
        server.closeIdleConnections()
        cutOthers()
      }),
  }
}

/** @throws TypeError for what is no certificate with its private key, and when nobody could be shown it */
export function checkCertificate(tls: Certificate, listening: readonly Renewable[]): void {
  if (!listening.some(({ renew }) => renew)) {
    throw new TypeError('expected a server that speaks HTTPS for another certificate, found none')
  }
  try {
    createSecureContext(tls)
  } catch (error) {
    throw new TypeError(`expected tls to be a certificate and its private key (PEM): ${(error as Error).message}`)
  }
}

/** Whether only this machine reaches an address. */
function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1'
}
