import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { EventBody } from './event-stream.js'

/**
 * Writes a response whose body is a stream of events, and gives what tells the adaptor for Node that this was done. The head goes out in one
 * piece with the first event. The adaptor would send it alone, after a turn of the event loop in which it looks whether the body ends by then.
 * Any other response is left to the adaptor.
 */
export async function withStreamWritten(response: Response, outgoing: ServerResponse): Promise<Response> {
  const body: unknown = response.body
  if (!(body instanceof EventBody)) return response
  const left = new AbortController()
  outgoing.once('close', () => {
    left.abort()
    if (!outgoing.writableFinished) void body.cancel()
  })
  const { texts } = body
  try {
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    for (let text = await texts.next(); !text.done; text = await texts.next()) {
      if (!outgoing.write(text.value)) await once(outgoing, 'drain', { signal: left.signal })
    }
    outgoing.end()
  } catch (error) {
    outgoing.destroy(error as Error)
  }
  return RESPONSE_ALREADY_SENT
}
