import { Readable } from 'node:stream'
import t from 'tap'
import type { HttpClient } from '#lib/remote/http-client.js'
import { RemoteRequest } from '#lib/remote/remote-request.js'

t.test('an answer that is cancelled again and again leaves its response once', async (t) => {
  const body = new Readable({ read: () => undefined })
  const http = {
    ask: async () => ({ statusCode: 200, headers: {}, body }),
    textOf: async () => '',
    address: (path: string) => path,
  } as unknown as HttpClient
  const ask = { method: 'POST', path: 'chat/completions', body: {}, signal: new AbortController().signal } as const
  const reasons: string[] = []
  const handler = { tokens: () => undefined, finished: (reason: string) => reasons.push(reason), failed: t.fail }
  const request = new RemoteRequest(
    http,
    { ask, streams: false, top: undefined, seed: null },
    [handler as never],
    () => undefined,
  )
  const { cancel } = await request.start()
  const before = body.listenerCount('error')
  for (let i = 0; i < 3; i++) cancel(0)
  t.equal(body.destroyed, true)
  t.equal(body.listenerCount('error'), before + 1)
  t.same(reasons, ['cancelled'])
})
