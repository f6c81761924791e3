import t from 'tap'
import { errorCodes, LLM, LLMError } from '#lib/index.js'
import { failureOf } from '#lib/remote/failure.js'
import { retryAfterOf, retryDelay } from '#lib/remote/retry.js'
import { apiErrorOf } from '#lib/server/api-error.js'
import { type Answer, chunk, events, eventsOf, fakeServer, json } from './fake-server.js'

const messages = [{ role: 'user', content: 'Hi' }]
const apiKey = 'sk-very-secret'
const good = eventsOf(chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hello' }), chunk({}, 'stop'))

/** What asking a server that answers so comes to, and what it got. */
async function ask(answer: Answer, options: object = {}, request: object = {}) {
  await using fake = await fakeServer(answer)
  const asked = async () => {
    await using llm = await LLM.connect(fake.url, { apiKey, ...options })
    return await llm.generate(messages, request)
  }
  const outcome = await asked().catch((error: unknown) => error as LLMError)
  return { outcome, requests: fake.received.slice(1) }
}

t.test('each of our codes comes back as itself', (t) => {
  for (const code of Object.keys(errorCodes)) {
    const { status, body } = apiErrorOf(new LLMError(code as keyof typeof errorCodes, 'the reason'))
    const failure = failureOf({ status, body, retryAfter: 3 }, 'http://a/v1')
    t.match(failure, { name: 'LLMError', code, message: `http://a/v1 answers ${status}: the reason`, retryAfter: 3 })
    t.match(failureOf({ body }, 'http://a/v1'), { code }, 'and in the middle of a stream')
  }
  const { status, body } = apiErrorOf(
    new TypeError('expected topP to be a number, received 5'),
    new Map([['topP', 'top_p']]),
  )
  t.match(body.error.message, /top_p/)
  t.match(failureOf({ status, body }, 'x'), { name: 'TypeError', message: /expected topP to be a number/ })
  t.end()
})

t.test('what other servers say', (t) => {
  const cases: [number | undefined, unknown, object][] = [
    [401, { error: { message: 'no key' } }, { code: 'ERR_ACCESS' }],
    [404, { error: { message: 'The model `x` does not exist.', code: 404 } }, { code: 'ERR_MODEL_NOT_FOUND' }],
    [
      400,
      { error: { message: "This model's maximum context length is 4096 tokens.", code: 400 } },
      { code: 'ERR_CONTEXT_LENGTH' },
    ],
    [
      400,
      { object: 'error', message: 'top_p must be in (0, 1]', code: 400 },
      { name: 'TypeError', message: /topP must/ },
    ],
    [400, { error: 'Invalid JSON' }, { name: 'TypeError', message: /answers 400: Invalid JSON/ }],
    [422, 'Unprocessable', { name: 'TypeError', message: /Unprocessable/, status: 422 }],
    [413, 'Too large', { name: 'TypeError', status: 413 }],
    [402, 'Quota', { code: 'ERR_ACCESS', status: 402 }],
    [405, 'Method Not Allowed', { code: 'ERR_NETWORK', message: /answers 405: Method/, status: 405 }],
    [418, { error: { message: 'short and stout' } }, { code: 'ERR_NETWORK', message: /short and stout/ }],
    [507, { error: { message: 'full' } }, { code: 'ERR_ENGINE', message: /answers 507: full/, status: 507 }],
    [429, '', { code: 'ERR_QUEUE_FULL', message: /no reason given/ }],
    [500, '<html>\n\nBroken</html>', { code: 'ERR_ENGINE', message: /<html> Broken/ }],
    [502, undefined, { code: 'ERR_UNAVAILABLE' }],
    [undefined, { error: 'gone' }, { code: 'ERR_ENGINE', message: 'x: gone', status: undefined }],
  ]
  for (const [status, body, expected] of cases) t.match(failureOf({ status, body }, 'x'), expected)
  t.ok(failureOf({ status: 500, body: 'y'.repeat(9999) }, 'x').message.length < 1100)
  t.end()
})

t.test('addresses, models and keys that are wrong', async (t) => {
  for (const address of ['ftp://a', 'a', 'http://u:secret@a', 'http://a?key=secret', 'http://a#b']) {
    const error = await LLM.connect(address).catch((reason) => reason)
    t.match(error, { name: 'TypeError', message: /baseUrl/ })
    if (address !== 'a' && address !== 'ftp://a') t.notMatch(error.message, /secret/)
  }
  await t.rejects(LLM.connect('http://a', { apikey: 'x' } as object), { message: /did you mean apiKey/ })
  const broken = await LLM.connect('http://a', { apiKey: 'secret\n' }).catch((reason) => reason)
  t.match(broken, { name: 'TypeError', message: /apiKey/ })
  t.notMatch(broken.message, /secret/)
  await t.rejects(LLM.connect('http://a', { headers: { a: 'b\r\nc: d' } }), { name: 'TypeError', message: /headers/ })
  await t.rejects(LLM.connect('http://127.0.0.1:1', { maxRetries: 0 }), {
    code: 'ERR_NETWORK',
    message: /127\.0\.0\.1:1/,
  })
  t.equal(await LLM.connect('http://a', { signal: AbortSignal.abort('enough') }).catch((reason) => reason), 'enough')

  const models = [{ id: 'a' }, { id: 'b', aliases: ['c'], owned_by: 'x' }]
  await using several = await fakeServer((response) => json(response, 404, {}), models)
  await t.rejects(LLM.connect(several.url), { code: 'ERR_REFERENCE', message: /has several models.*a, b/ })
  await t.rejects(LLM.connect(several.url, { model: 'd' }), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /no model d: it has a, b/,
  })
  await using other = await LLM.connect(several.url, { model: 'c' })
  t.match(other.info, { model: 'c', server: 'openai', baseUrl: `${several.url}/v1` })
  t.equal(several.received.at(-1)?.headers.authorization, undefined)
  await t.rejects(LLM.connect(several.url, { model: 'c', defaults: { topK: 1 } }), {
    name: 'TypeError',
    message: /topK/,
  })
  await t.rejects(LLM.connect(several.url, { model: 'c', defaults: { timeout: 1 } as object }), { message: /timeout/ })
  await using none = await fakeServer(() => {}, [])
  await t.rejects(LLM.connect(none.url), { code: 'ERR_MODEL_NOT_FOUND', message: /it has none/ })
})

t.test('the key goes to its server and nowhere else, and into no message', async (t) => {
  await using elsewhere = await fakeServer((response) => events(response, good))
  const redirect: Answer = (response) => response.writeHead(307, { location: `${elsewhere.url}/v1/x` }).end()
  const { outcome, requests } = await ask(redirect)
  t.match(outcome, { code: 'ERR_NETWORK', message: `redirects to ${elsewhere.url}/v1/x` })
  t.equal(requests[0]?.headers.authorization, `Bearer ${apiKey}`)
  t.same(elsewhere.received, [])
  const { outcome: refused } = await ask((response) => json(response, 401, { error: { message: 'wrong key' } }))
  t.match(refused, { code: 'ERR_ACCESS', message: /wrong key/ })
  for (const error of [outcome, refused]) t.notMatch(JSON.stringify([error, String((error as Error).stack)]), apiKey)
})

t.test('a request that no server has begun is sent again, so often and no oftener', async (t) => {
  const failing = (times: number, status: number, headers: Record<string, string> = {}): Answer => {
    let left = times
    return (response) => {
      if (left-- > 0) json(response, status, { error: { message: 'busy' } }, headers)
      else events(response, good)
    }
  }
  const now = { 'retry-after': '0' }
  for (const status of [429, 502, 503]) {
    const { outcome, requests } = await ask(failing(2, status, now))
    t.match(outcome, { text: 'Hello', finishReason: 'stop' })
    t.equal(requests.length, 3)
  }
  t.match(await ask(failing(3, 429, now)), {
    outcome: { code: 'ERR_QUEUE_FULL', retryAfter: 0 },
    requests: { length: 3 },
  })
  const none = await ask(failing(1, 503, now), { maxRetries: 0 })
  t.match(none, { outcome: { code: 'ERR_UNAVAILABLE', retryAfter: 0, requestId: String }, requests: { length: 1 } })
  const long = await ask(failing(1, 429, { 'retry-after': '61' }))
  t.match(
    long,
    { outcome: { code: 'ERR_QUEUE_FULL', retryAfter: 61 }, requests: { length: 1 } },
    'nobody waits so long',
  )
  const failed = await ask(failing(1, 500, now))
  t.match(
    failed,
    { outcome: { code: 'ERR_ENGINE' }, requests: { length: 1 } },
    'a server that has begun is not asked again',
  )
  let first = true
  const reset = await ask((response) => {
    if (!first) return events(response, good)
    first = false
    response.socket?.destroy()
  })
  t.match(reset, { outcome: { text: 'Hello' }, requests: { length: 2 } })
})

t.test('how long is waited', (t) => {
  t.same(
    [0, 1, 2, 9].map((attempt) => retryDelay(attempt, undefined, 0)),
    [500, 1000, 2000, 8000],
  )
  t.equal(retryDelay(0, undefined, 1), 375)
  t.equal(retryDelay(5, 60, 1), 60_000)
  t.equal(retryDelay(0, 60.5, 1), undefined)
  const now = Date.UTC(2026, 0, 1)
  t.equal(retryAfterOf({ 'retry-after': '7' }, now), 7)
  t.equal(retryAfterOf({ 'retry-after': new Date(now + 5000).toUTCString() }, now), 5)
  t.equal(retryAfterOf({ 'retry-after': new Date(now - 5000).toUTCString() }, now), 0)
  t.equal(retryAfterOf({ 'retry-after': 'soon' }, now), undefined)
  t.equal(retryAfterOf({}, now), undefined)
  t.end()
})

t.test('streams that end as they should not', async (t) => {
  const streamed = async (text: string) => (await ask((response) => events(response, text))).outcome
  const withoutDone = good.replace('data: [DONE]\n\n', '')
  t.match(await streamed(withoutDone), { text: 'Hello', finishReason: 'stop' }, 'all was said')
  const cut = eventsOf(chunk({ content: 'Hel' }))
  const unfinished = { code: 'ERR_NETWORK', message: /ended before the answer did/ }
  t.match(await streamed(cut), unfinished)
  t.match(await streamed(cut.replace('data: [DONE]\n\n', '')), unfinished)
  t.match(await streamed(''), unfinished)
  t.match(await streamed('data: <html>\n\n'), { code: 'ERR_NETWORK', message: /expected JSON, found "<html>"/ })
  t.match(await streamed(eventsOf({ choices: 5 })), { code: 'ERR_NETWORK', message: /choices to be an array/ })
  t.match(await streamed(eventsOf(chunk({ content: 5 }))), { code: 'ERR_NETWORK', message: /content to be a text/ })
  t.match(await streamed(eventsOf({ choices: [{ index: 1, delta: {} }] })), { message: /expected 1 choices/ })
  t.match(await streamed(eventsOf(chunk({ content: 'a' }, 'abort'))), { code: 'ERR_ENGINE', message: /abort/ })
  t.match(await streamed(`event: error\ndata: {"x": 1}\n\n`), { code: 'ERR_ENGINE' })
  t.match(await streamed(eventsOf(chunk({ content: 'a' }, 'content_filter'))), { finishReason: 'content-filter' })
  const broken = await ask((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(cut.slice(0, 30), () => response.destroy())
  })
  t.match(broken.outcome, { code: 'ERR_NETWORK' })
  const whole = await ask((response) =>
    json(response, 200, { choices: [{ message: { content: 'A' }, finish_reason: 'length' }] }),
  )
  t.match(whole.outcome, { text: 'A', finishReason: 'length', tokens: [] }, 'a server that does not stream')
})

t.test('time limits', async (t) => {
  // On a busy machine the list of models may be what is late.
  const silent = await ask(
    (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n'),
    {
      idleTimeout: 20,
    },
  )
  t.match(silent.outcome, { code: 'ERR_TIMEOUT', message: /idleTimeout of 20 ms/ })
  const late = await ask(() => {}, { headersTimeout: 20 })
  t.match(late.outcome, { code: 'ERR_TIMEOUT', message: /headersTimeout of 20 ms/ })
  t.match((await ask(() => {}, {}, { timeout: 1 })).outcome, { code: 'ERR_TIMEOUT', message: /timeout of 1 ms/ })
})

t.test('whoever leaves, aborts or closes breaks the connection off', async (t) => {
  const gone: Promise<void>[] = []
  await using fake = await fakeServer((response) => {
    gone.push(new Promise((resolve) => response.once('close', resolve)))
    response
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .write(eventsOf(chunk({ content: 'a' })).slice(0, -14))
  })
  await using llm = await LLM.connect(fake.url)

  const left = llm.stream(messages)
  for await (const _ of left) break
  t.match(await left.result, { text: 'a', finishReason: 'cancelled' })
  await gone[0]

  const abort = new AbortController()
  const reason = new Error('enough')
  const onText = () => abort.abort(reason)
  await t.rejects(llm.generate(messages, { signal: abort.signal, onText }), reason)
  await gone[1]

  const stopped = llm.generate(messages, { filter: () => ({ stop: true }) })
  t.match(await stopped, { finishReason: 'content-filter' })
  await gone[2]

  const running = llm.stream(messages)
  for await (const _ of running) {
    await llm.close()
    break
  }
  await t.rejects(running.result, { code: 'ERR_CLOSED' })
  await gone[3]
  t.throws(() => llm.stream(messages), { code: 'ERR_CLOSED' })
})

t.test('calls that are cut, numbered alike, or without arguments', async (t) => {
  const tools = [{ name: 'a' }]
  const call = (index: number, id: string | undefined, args: string | undefined, name?: string) =>
    chunk({ tool_calls: [{ index, ...(id && { id }), function: { ...(name && { name }), arguments: args } }] })
  const asked = async (finish: string, ...chunks: object[]) => {
    const { outcome } = await ask((response) => events(response, eventsOf(...chunks, chunk({}, finish))), {}, { tools })
    return outcome
  }
  const two = await asked('tool_calls', call(0, 'x', '{"a"', 'a'), call(0, undefined, ':1}'), call(0, 'y', '{}', 'b'))
  t.match(two, {
    toolCalls: [
      { id: 'x', name: 'a', arguments: { a: 1 } },
      { id: 'y', name: 'b' },
    ],
    finishReason: 'tool-calls',
  })
  t.match(await asked('tool_calls', call(0, undefined, undefined, 'a')), {
    toolCalls: [{ id: /^call_/, arguments: {} }],
  })
  t.match(await asked('length', call(0, 'x', '{"a": [', 'a')), { toolCalls: [], finishReason: 'length' })
})
