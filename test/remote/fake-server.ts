import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request that a fake server got. */
export interface Received {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

/** Answers one request in whatever way a test wants. */
export type Answer = (response: ServerResponse, received: Received) => void

/** A server that answers as a test says: the list of models by itself, everything else by `answer`. */
export async function fakeServer(
  answer: Answer,
  models: readonly object[] = [{ id: 'phi', object: 'model', owned_by: 'someone' }],
): Promise<{ url: string; received: Received[] } & AsyncDisposable> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void read(request).then((text) => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, headers, body: text === '' ? {} : JSON.parse(text) }
      received.push(one)
      if (path.endsWith('/models')) json(response, 200, { object: 'list', data: models })
      else answer(response, one)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request) text += piece
  return text
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** A stream of events, cut into pieces of so many bytes. */
export function events(response: ServerResponse, text: string, size = text.length): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i += size) response.write(bytes.subarray(i, i + size))
  response.end()
}

/** Events of chunks, and [DONE]. */
export const eventsOf = (...chunks: readonly unknown[]): string =>
  `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`

/** A chunk with one choice. */
export const chunk = (delta: object, finish: string | null = null, rest: object = {}) => ({
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, finish_reason: finish, ...rest }],
})
