import type { IncomingMessage } from 'node:http'

/**
 * Has a stream begin at once. The adaptor for Node waits for a turn of the event loop to see whether a body ends by then, so that it can tell
 * its length; it does not for one that says that it comes in chunks.
 */
export function beginAtOnce(response: Response, { incoming }: { incoming: IncomingMessage }): Response {
  const isStream = response.headers.get('x-accel-buffering') === 'no'
  // Older clients know no chunks.
  if (!isStream || incoming.httpVersion !== '1.1') return response
  response.headers.set('transfer-encoding', 'chunked')
  return response
}
