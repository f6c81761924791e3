import t from 'tap'
import { ApiError } from '#lib/server/api-error.js'
import { eventStream } from '#lib/server/event-stream.js'

const ignore = {
  abort: () => {},
  report: (error: unknown) => new ApiError(500, String(error)),
  errorBody: (problem: ApiError) => problem.body,
}

t.test('events, then [DONE]', async (t) => {
  async function* two() {
    yield { a: 1 }
    yield { a: 2 }
  }
  const response = await eventStream(two(), ignore)
  t.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  t.equal(await response.text(), 'data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n')
})

t.test('an error before the first event rejects; a later one is an event', async (t) => {
  async function* failing(first: boolean) {
    if (first) yield { a: 1 }
    throw new Error('broken')
  }
  await t.rejects(eventStream(failing(false), ignore), { message: 'broken' })
  const text = await (await eventStream(failing(true), ignore)).text()
  t.match(text, /^data: {"a":1}\n\ndata: {"error":{"message":"Error: broken",.*}}\n\ndata: \[DONE\]\n\n$/)
})

t.test('silence is broken by comments, also before the first event', async (t) => {
  let go: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  async function* late() {
    await gate
    yield 1
  }
  const response = await eventStream(late(), { ...ignore, heartbeatMs: 1 })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const read = async () => new TextDecoder().decode((await reader.read()).value)
  t.equal(await read(), ': still computing\n\n')
  t.equal(await read(), ': still computing\n\n')
  go()
  let text = await read()
  while (text.startsWith(':')) text = await read()
  t.equal(text, 'data: 1\n\n')
  t.equal(await read(), 'data: [DONE]\n\n')
})

t.test('a format without a word for silence waits, and ends without a last word', async (t) => {
  async function* late() {
    await new Promise((resolve) => setImmediate(resolve))
    yield 1
  }
  const lines = { contentType: 'application/x-ndjson', write: (value: unknown) => `${value}\n`, silence: '', last: '' }
  const response = await eventStream(late(), { ...ignore, heartbeatMs: 1, format: lines })
  t.equal(response.headers.get('content-type'), 'application/x-ndjson')
  t.equal(await response.text(), '1\n')
})

t.test('a reader that leaves aborts', async (t) => {
  let aborted = 0
  async function* endless() {
    for (;;) yield 1
  }
  const response = await eventStream(endless(), { ...ignore, abort: () => void aborted++ })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  await reader.read()
  await reader.cancel()
  t.equal(aborted, 1)
})
