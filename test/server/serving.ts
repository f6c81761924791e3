import type { LLM } from '#lib/index.js'
import { createServer, type Server, type ServerOptions } from '#lib/server/index.js'
import { loadTiny } from '../llm/fixtures.js'

/** A tiny model and a server of it, which calls it `tiny`. */
export async function serveTiny(options: ServerOptions = {}): Promise<{ llm: LLM; server: Server } & AsyncDisposable> {
  const llm = await loadTiny()
  const server = createServer({ tiny: llm }, options)
  return {
    llm,
    server,
    async [Symbol.asyncDispose]() {
      await server.close()
      await llm.close()
    },
  }
}

/** The answer of a server to a body, as JSON or as it is. */
export async function post(
  server: Server,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const request = new Request(`http://localhost${path}`, { method: 'POST', body: text, headers })
  const response = await server.fetch(request)
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

export const user = (content: string) => ({ role: 'user' as const, content })
