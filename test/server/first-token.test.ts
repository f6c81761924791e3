import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import t from 'tap'
import { bodyLimit } from '#lib/server/body-limit.js'
import { doneEvents, EventBody } from '#lib/server/event-stream.js'
import { createServer } from '#lib/server/index.js'
import { listen } from '#lib/server/listen.js'
import { withStreamWritten } from '#lib/server/written-stream.js'
import { loadTiny } from '../llm/fixtures.js'
import { post } from './serving.js'

// What would come before each first token, and need not.

t.test('a stream begins in one piece with its head, without a look at whether it ends at once', async (t) => {
  const texts = async function* () {
    yield 'data: 1\n\n'
  }
  const answers: Record<string, () => Response> = {
    '/stream': () => new EventBody(texts(), () => {}).response(doneEvents),
    '/whole': () => new Response('whole', { headers: { 'content-type': 'text/plain' } }),
  }
  const server = await listen(
    async ({ url }) => (answers[new URL(url).pathname] as () => Response)(),
    { port: 0 },
    false,
  )
  t.teardown(() => server.close())
  const raw = async (path: string, version: string) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/${version}\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    return await text(socket)
  }
  const chunked = /\r\ntransfer-encoding: chunked\r\n/i
  t.match(await raw('/stream', '1.1'), chunked)
  t.match(await raw('/stream', '1.1'), /\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n$/)
  const older = await raw('/stream', '1.0')
  t.notMatch(older, chunked, 'HTTP/1.0 has no chunks')
  t.match(older, /\r\n\r\ndata: 1\n\n$/)
  t.match(await raw('/whole', '1.1'), /\r\ncontent-length: 5\r\n/i)
})

t.test('a connection is kept for longer than proxies and clients keep it', async (t) => {
  const server = await listen(async () => new Response('whole'), { port: 0 }, false)
  t.teardown(() => server.close())
  const response = await fetch(server.url)
  t.equal(response.headers.get('keep-alive'), 'timeout=75')
  await response.text()
})

t.test('a stream is written by hand: nothing before its first event, and no more than its reader takes', async (t) => {
  let given = 0
  let cancelled = 0
  let go: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const texts = async function* () {
    await gate
    for (;;) {
      given++
      yield 'x'.repeat(1_000_000)
    }
  }
  const outgoing = Object.assign(new EventEmitter(), {
    writableFinished: false,
    heads: 0,
    written: 0,
    writeHead() {
      this.heads++
    },
    write() {
      this.written++
      return false
    },
  })
  const response = new EventBody(texts(), () => void cancelled++).response(doneEvents)
  const done = withStreamWritten(response, outgoing as unknown as ServerResponse)
  t.equal(outgoing.written, 0)
  go()
  while (outgoing.written < 3) {
    const before = outgoing.written
    outgoing.emit('drain')
    await new Promise((resolve) => setImmediate(resolve))
    t.ok(outgoing.written - before <= 1, 'one for each time that there is room')
  }
  t.equal(given, outgoing.written)
  t.equal(outgoing.heads, 1)
  Object.assign(outgoing, { destroy: () => {} })
  outgoing.emit('close')
  await done
  t.equal(cancelled, 1, 'who has left needs no more')
})

t.test('a body whose length was told is not looked at before it is read', async (t) => {
  const app = new Hono()
  app.use(bodyLimit(5, (c) => c.text('too large', 413)))
  app.post('/', async (c) => c.text(await c.req.text()))
  const ask = async (body: string, headers: Record<string, string>) => {
    const request = new Request('http://localhost/', { method: 'POST', body, headers })
    let looks = 0
    const { body: stream } = request
    Object.defineProperty(request, 'body', {
      get() {
        looks++
        return stream
      },
    })
    const { status } = await app.fetch(request)
    return { status, looked: looks > 0 }
  }
  t.same(await ask('12345', { 'content-length': '5' }), { status: 200, looked: false })
  t.same(await ask('123456', { 'content-length': '6' }), { status: 413, looked: false })
  t.same(await ask('12345', { 'content-length': 'five' }), { status: 413, looked: false })
  t.same(await ask('12345', {}), { status: 200, looked: true })
  t.same(await ask('123456', {}), { status: 413, looked: true })
  t.same(await ask('123456', { 'content-length': '5', 'transfer-encoding': 'chunked' }), { status: 413, looked: true })
})

t.test('what is known of the model is not gathered anew', async (t) => {
  await using llm = await loadTiny()
  let gathered = 0
  const counting = {
    stream: llm.stream.bind(llm),
    tokenize: llm.tokenize.bind(llm),
    detokenize: llm.detokenize.bind(llm),
    metrics: llm.metrics.bind(llm),
    get info() {
      gathered++
      return llm.info
    },
  }
  const server = createServer({ tiny: counting })
  const before = gathered
  for (const path of ['/v1/completions', '/v1/chat/completions', '/v1/responses']) {
    const asked =
      path === '/v1/completions'
        ? { prompt: [10] }
        : path.endsWith('responses')
          ? { input: 'x' }
          : { messages: [{ role: 'user', content: 'x' }] }
    t.equal((await post(server, path, asked)).status, 200, path)
  }
  t.equal(gathered, before)
  await server.close()
})
