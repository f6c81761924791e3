import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Has a stream begin at once. The adaptor for Node waits for a turn of the event loop to see whether a body ends by then, so that it can tell
 * its length; it does not for one that says that it comes in chunks. The head then leaves together with the first event.
 */
export function beginAtOnce(
  response: Response,
  { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
): Response {
  const isStream = response.headers.get('x-accel-buffering') === 'no'
  // Older clients know no chunks.
  if (!isStream || incoming.httpVersion !== '1.1') return response
  response.headers.set('transfer-encoding', 'chunked')
  outgoing.cork()
  // By then everything has run that does not wait for another turn: the adaptor has written what is there.
  process.nextTick(() => outgoing.uncork())
  return response
}
