import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t from 'tap'
import { createServer } from '#lib/server/index.js'
import { loadTiny } from '../llm/fixtures.js'
import { post, serveTiny, user } from './serving.js'

const chat = '/v1/chat/completions'

t.test('a client that sends too slowly is cut off', async (t) => {
  await using served = await serveTiny()
  const { server } = served
  const { port } = await server.listen({ port: 0, headTimeout: 20, bodyTimeout: 40 })
  const slow = [
    'GET /healthz HTTP/1.1\r\nHost: loc',
    'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"prompt": "x"',
  ]
  for (const text of slow) {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (data) => {
      answer += data
    })
    socket.write(text)
    await once(socket, 'close')
    t.match(answer, /^HTTP\/1\.1 408 /, text.slice(0, 12))
  }
})

t.test('more connections than may be are closed at once', async (t) => {
  await using served = await serveTiny()
  const { port } = await served.server.listen({ port: 0, maxConnections: 1 })
  const first = connect(port, '127.0.0.1')
  first.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(first, 'data')
  const second = connect(port, '127.0.0.1')
  second.on('error', () => {})
  await once(second, 'close')
  first.destroy()
  await once(first, 'close')
  t.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
})

t.test('a request beyond the queue is told when to come again', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { maxSequences: 1, maxQueue: 0 })
  const server = createServer({ tiny: llm })
  const running = llm.stream({ tokens: [10] }, { ignoreEos: true })
  const refused = await post(server, chat, { messages: [user('x')] })
  t.match(refused, { status: 429, body: { error: { code: 'queue_full', type: 'rate_limit_error' } } })
  t.equal(refused.headers.get('retry-after'), '1')
  for await (const _ of running) break
})

t.test('a request that takes too long fails with 504', async (t) => {
  await using served = await serveTiny({ requestTimeout: 1 })
  const asked = { messages: [user('x')], max_tokens: 240, ignore_eos: true }
  t.match(await post(served.server, chat, asked), { status: 504, body: { error: { code: 'timeout' } } })
})

t.test('a key may be known by its hash, and gives its requests their priority', async (t) => {
  await using llm = await loadTiny()
  const priorities: unknown[] = []
  const stream = llm.stream.bind(llm)
  llm.stream = ((prompt: never, options: never) => {
    priorities.push((options as { priority?: number }).priority)
    return stream(prompt, options)
  }) as typeof llm.stream
  // printf %s 'a long secret' | sha256sum
  const sha256 = '69898f54c6762252fc3a57df8c84c6338fcfd51f3bb3de4c3fc31c65feea2622'
  const server = createServer(llm, {
    apiKeys: [
      { name: 'ann', sha256, priority: -3 },
      { name: 'bob', key: 'another secret' },
    ],
  })
  const ask = async (key: string) =>
    await post(server, chat, { messages: [user('x')], max_tokens: 1, priority: 7 }, { authorization: `Bearer ${key}` })
  t.equal((await ask('a long secret')).status, 200)
  t.equal((await ask('another secret')).status, 200)
  t.equal((await ask(sha256)).status, 401, 'the hash is no key')
  t.same(priorities, [-3, 7])
  t.throws(() => createServer(llm, { apiKeys: [{ name: 'x', sha256: 'short' }] }), { message: /sha256/ })
  t.throws(() => createServer(llm, { apiKeys: [{ name: 'x', sha256, key: 'a long secret' }] }), { message: /sha256/ })
  t.throws(() => createServer(llm, { apiKeys: [{ name: 'x' }] }), { message: /sha256/ })
})

t.test('models and keys can change while it runs', async (t) => {
  await using llm = await loadTiny()
  await using other = await loadTiny()
  let closed = 0
  const lazy = (model: typeof llm) => ({
    load: async () => Object.assign(model, { close: async () => void closed++ }),
  })
  const [a, b] = [lazy(llm), lazy(other)]
  const server = createServer({ a, b }, { apiKeys: ['the first secret'] })
  const ask = async (model: string, key = 'the second secret') =>
    (await post(server, chat, { model, messages: [user('x')], max_tokens: 1 }, { 'x-api-key': key })).status
  t.equal(await ask('a', 'the first secret'), 200)
  t.equal(await ask('b', 'the first secret'), 200)

  t.throws(() => server.update({ apiKeys: ['the second secret'], models: {} }), { message: /at least one model/ })
  t.throws(() => server.update({ apiKeys: [] }), { message: /expected at least one of apiKeys/ })
  const tls = { cert: readFileSync('test/fixtures/hub/certificate.pem'), key: 'no key' }
  t.throws(() => server.update({ tls }), { name: 'TypeError', message: /expected a server that speaks HTTPS/ })
  const secure = await server.listen({ port: 0, tls: { ...tls, key: readFileSync('test/fixtures/hub/key.pem') } })
  t.throws(() => server.update({ apiKeys: ['another secret'], tls }), { name: 'TypeError', message: /private key/ })
  await secure.close()
  t.throws(() => server.update({ maxN: 5 } as object), { message: /unknown option maxN/ })
  t.equal(await ask('a', 'the first secret'), 200, 'nothing has changed')

  server.update({ apiKeys: ['the second secret'], models: { a, c: b } })
  t.equal(await ask('a', 'the first secret'), 401)
  t.equal(await ask('a'), 200)
  t.equal(await ask('b'), 404)
  t.equal(closed, 1)
  await server.close()
  t.equal(closed, 2)
})
