import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit as countedLimit } from 'hono/body-limit'

/**
 * Refuses bodies of more bytes than `maxSize`. A body whose length was told is not looked at: the adaptor for Node would make a whole web
 * Request to show it, which takes longer than all the rest of the routing.
 */
export function bodyLimit(maxSize: number, onError: (c: Context) => Response): MiddlewareHandler {
  const counted = countedLimit({ maxSize, onError })
  return async (c, next) => {
    const { headers } = c.req.raw
    const length = headers.get('content-length')
    if (length === null || headers.has('transfer-encoding')) return await counted(c, next)
    if (!(Number(length) <= maxSize)) return onError(c)
    await next()
  }
}
