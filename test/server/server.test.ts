import { getEventListeners } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import type { GenerationOptions, LLM } from '#lib/index.js'
import { createServer, type ServedModel, type Server, type ServerOptions } from '#lib/server/index.js'
import type { AccessRecord } from '#lib/server/options.js'
import { loadTiny } from '../llm/fixtures.js'
import { serveSaid } from './said.js'
import { post, serveTiny, user } from './serving.js'

const chat = '/v1/chat/completions'

t.test('bodies that are wrong get an error that names the field', async (t) => {
  await using served = await serveTiny({ maxBodyBytes: 4096, maxN: 2 })
  const { server } = served
  const wrong: [string, unknown, object][] = [
    [chat, '{', { message: /not JSON/ }],
    [chat, '[]', { message: /an array/ }],
    [chat, {}, { param: 'messages' }],
    [chat, { messages: 5 }, { param: 'messages' }],
    [chat, { messages: [{ role: 5 }] }, { message: /messages\[0\]\.role/ }],
    [chat, { messages: [user('x')], model: 5 }, { param: 'model' }],
    [chat, { messages: [user('x')], stop: ['a', 5] }, { param: 'stop' }],
    [chat, { messages: [user('x')], stop: Array(17).fill('a') }, { param: 'stop' }],
    [chat, { messages: [user('x')], n: 3 }, { param: 'n', message: /at most 2/ }],
    [chat, { messages: [user('x')], top_logprobs: 2 }, { param: 'top_logprobs' }],
    [chat, { messages: [user('x')], logit_bias: { 5: 101 } }, { param: 'logit_bias' }],
    [chat, { messages: [user('x')], logit_bias: { a: 1 } }, { param: 'logit_bias' }],
    [chat, { messages: [user('x')], presence_penalty: 3 }, { param: 'presence_penalty' }],
    [chat, { messages: [user('x')], stream_options: {} }, { param: 'stream_options' }],
    [chat, { messages: [user('x')], stream: true, stream_options: { include_usage: 1 } }, { param: 'include_usage' }],
    [chat, { messages: [user('x')], maxNewTokens: 5 }, { code: 'unknown_parameter' }],
    [chat, { messages: [user('x')], temperature: 0, n: 2 }, { param: 'n', message: /expected n to be 1 without/ }],
    ['/v1/completions', {}, { param: 'prompt' }],
    ['/v1/completions', { prompt: [] }, { param: 'prompt' }],
    ['/v1/completions', { prompt: ['a', 5] }, { param: 'prompt' }],
    ['/v1/completions', { prompt: 'a', suffix: 'b' }, { param: 'suffix' }],
    ['/v1/completions', { prompt: 'a', best_of: 2 }, { param: 'best_of' }],
    ['/v1/completions', { prompt: [100000] }, { code: 'ERR_TOKEN_ID' }],
    ['/tokenize', {}, { param: 'prompt' }],
    ['/detokenize', { tokens: 'x' }, { param: 'tokens' }],
    ['/detokenize', { tokens: [100000] }, { code: 'ERR_TOKEN_ID' }],
  ]
  for (const [path, body, error] of wrong) {
    const answer = await post(server, path, body)
    t.equal(answer.status, 400, JSON.stringify(body))
    t.match(answer.body, { error: { type: 'invalid_request_error', ...error } }, JSON.stringify(body))
  }
  t.match(await post(server, chat, { messages: [user('x'.repeat(5000))] }), {
    status: 413,
    body: { error: { code: 'body_too_large' } },
  })
  t.match(await post(server, '/v1/nothing', {}), { status: 404, body: { error: { code: 'unknown_url' } } })
  t.match(await post(server, chat, { messages: [user('x')], max_tokens: 1 }), { status: 200 }, 'and it still works')
})

t.test('what OpenAI takes and what null means', async (t) => {
  await using served = await serveTiny()
  const body = {
    messages: [{ role: 'developer', content: 'Be brief.' }, user('x')],
    max_completion_tokens: 2,
    temperature: null,
    stop: null,
    user: 'someone',
    metadata: { a: 'b' },
    store: false,
    response_format: { type: 'text' },
    seed: -1,
    top_k: -1,
  }
  const answer = await post(served.server, chat, body, { 'x-request-id': 'mine-1' })
  t.match(answer, { status: 200, body: { id: 'chatcmpl-mine-1', usage: { completion_tokens: 2 } } })
  t.equal(answer.headers.get('x-request-id'), 'mine-1')
})

t.test(
  'a request without a temperature samples from all tokens, unless the model is set to something else',
  async (t) => {
    await using served = await serveTiny()
    const { llm, server } = served
    const prompt = 'Hello there'
    const textOf = async (model: LLM, options: GenerationOptions) =>
      (await model.generate(prompt, { maxNewTokens: 16, seed: 5, ...options })).text
    const asked = { prompt, max_tokens: 16, seed: 5 }
    const free = await textOf(llm, { temperature: 1, topK: 0 })
    t.match((await post(server, '/v1/completions', asked)).body, { choices: [{ text: free }] })

    await using set = await loadTiny('tiny-llama-fp32', { defaults: { temperature: 3, topK: 2 } })
    const settled = createServer(set)
    const own = await textOf(llm, { temperature: 3, topK: 2 })
    t.not(own, free)
    t.match((await post(settled, '/v1/completions', asked)).body, { choices: [{ text: own }] })
    const both = { ...asked, temperature: 1, top_k: -1 }
    t.match(
      (await post(settled, '/v1/completions', both)).body,
      { choices: [{ text: free }] },
      'the request comes first',
    )
  },
)

t.test('keys, the log and the numbers', async (t) => {
  const log: AccessRecord[] = []
  await using served = await serveTiny({
    apiKeys: [{ name: 'ann', key: 'a long secret' }],
    onAccess: (r) => log.push(r),
  })
  const { server } = served
  const get = async (path: string, headers: Record<string, string> = {}) =>
    await server.fetch(new Request(`http://localhost${path}`, { headers }))
  t.equal((await get('/v1/models')).status, 401)
  t.equal((await get('/v1/models', { authorization: 'Bearer nothing' })).status, 401)
  t.equal((await get('/v1/models', { authorization: 'Bearer a long secret' })).status, 200)
  t.equal((await get('/v1/models', { 'x-api-key': 'a long secret' })).status, 200)
  t.equal((await get('/healthz')).status, 200)
  t.equal((await get('/readyz')).status, 200)
  await post(server, chat, { messages: [user('x')], max_tokens: 2 }, { authorization: 'Bearer a long secret' })
  t.match(log.at(-1), { method: 'POST', path: chat, status: 200, model: 'tiny', key: 'ann' })
  const told = ['key', 'method', 'milliseconds', 'model', 'path', 'requestId', 'status', 'time']
  t.same(Object.keys(log.at(-1) ?? {}).sort(), told, 'nothing of what was said')
  const metrics = await (await get('/metrics', { authorization: 'Bearer a long secret' })).text()
  for (const line of [
    'openvino_llm_http_responses_total{route="/v1/models",status="401"} 2',
    'openvino_llm_requests_total{model="tiny",finish_reason="length"} 1',
    'openvino_llm_generated_tokens_total{model="tiny"} 2',
    'openvino_llm_requests_active{model="tiny"} 0',
  ]) {
    t.ok(metrics.includes(line), line)
  }
  await server.close()
  t.equal((await get('/readyz')).status, 503)
  t.equal((await get('/v1/models', { 'x-api-key': 'a long secret' })).status, 503)
})

t.test('it is ready when its models can answer', async (t) => {
  const ready = async (server: Server) => (await server.fetch(new Request('http://localhost/readyz'))).status
  await using said = await serveSaid({ info: { health: { state: 'dead' } } })
  t.equal(await ready(said.server), 503, 'an engine has failed')
  t.equal((await said.server.fetch(new Request('http://localhost/healthz'))).status, 200)

  let load: (llm: LLM) => void = () => {}
  const loaded = new Promise<LLM>((resolve) => {
    load = resolve
  })
  const never = new Promise<LLM>(() => {})
  const server = createServer({ a: { load: () => loaded }, b: { load: () => never } })
  t.equal(await ready(server), 200, 'nobody has asked yet')
  const answer = post(server, '/v1/completions', { model: 'a', prompt: [10], max_tokens: 1 })
  while ((await ready(server)) === 200) await new Promise((resolve) => setImmediate(resolve))
  await using llm = await loadTiny()
  load(llm)
  t.equal((await answer).status, 200)
  t.equal(await ready(server), 200)
  void post(server, '/v1/completions', { model: 'b', prompt: [10] })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(await ready(server), 200, 'another one loads beside it')
})

t.test('pages of other origins may ask only where that is allowed', async (t) => {
  const origin = 'https://app.example'
  const ask = async (options: ServerOptions, method: string) => {
    await using served = await serveTiny(options)
    const headers = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    }
    const response = await served.server.fetch(new Request('http://localhost/v1/models', { method, headers }))
    return [response.status, response.headers.get('access-control-allow-origin')]
  }
  t.same(await ask({}, 'OPTIONS'), [404, null])
  t.same(await ask({}, 'GET'), [200, null])
  t.same(await ask({ corsOrigins: ['https://other.example'] }, 'GET'), [200, null])
  const options = { corsOrigins: [origin], apiKeys: ['a long secret'] }
  t.same(await ask(options, 'OPTIONS'), [204, origin], 'a browser asks without the key whether it may')
  t.same(await ask(options, 'GET'), [401, origin])
})

t.test('closing waits for what runs, and ends it at the deadline', async (t) => {
  await using served = await serveTiny()
  const { server } = served
  const { url } = await server.listen({ port: 0 })
  const ask = async (options: object) => {
    const body = JSON.stringify({ prompt: [10], temperature: 0, ignore_eos: true, stream: true, ...options })
    const response = await fetch(`${url}/v1/completions`, { method: 'POST', body })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    return async () => {
      const decoder = new TextDecoder()
      let text = ''
      for (let read = await reader.read(); !read.done; read = await reader.read()) text += decoder.decode(read.value)
      return text
    }
  }
  const rest = await ask({ max_tokens: 100 })
  await Promise.all([server.close({ deadline: 2 ** 31 - 1 }), rest().then((text) => t.match(text, /DONE\]\n\n$/))])

  const other = createServer({ endless: endless() })
  const { url: there } = await other.listen({ port: 0 })
  const body = JSON.stringify({ prompt: 'x', stream: true })
  const response = await fetch(`${there}/v1/completions`, { method: 'POST', body })
  const ended = response.text()
  await other.close({ deadline: 1 })
  t.notMatch(await ended, /"finish_reason":"/)
})

t.test('a client that leaves ends its answer, streamed or not', async (t) => {
  for (const stream of [true, false]) {
    let begun: () => void = () => {}
    const isAsked = new Promise<void>((resolve) => {
      begun = resolve
    })
    let left: () => void = () => {}
    const hasLeft = new Promise<void>((resolve) => {
      left = resolve
    })
    const model = endless((signal) => {
      begun()
      signal?.addEventListener('abort', left)
    })
    const server = createServer({ endless: model })
    const { url } = await server.listen({ port: 0 })
    const leaving = new AbortController()
    const asked = { method: 'POST', body: JSON.stringify({ prompt: 'x', stream }), signal: leaving.signal }
    const answer = fetch(`${url}/v1/completions`, asked).then((response) => response.text())
    await isAsked
    leaving.abort()
    await t.rejects(answer, { name: 'AbortError' })
    await hasLeft
    await server.close({ deadline: 2 ** 31 - 1 })
  }
})

/** A model whose answers end only when they are aborted. */
function endless(onAsked: (signal?: AbortSignal) => void = () => {}): ServedModel {
  return {
    info: { versions: {}, generationDefaults: {}, health: { state: 'healthy' } },
    stream(_prompt: unknown, { signal }: GenerationOptions) {
      onAsked(signal)
      const result = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      result.catch(() => {})
      return {
        requestId: 'r',
        result,
        async *[Symbol.asyncIterator]() {
          yield { type: 'text', index: 0, tokens: [1], requestId: 'r', text: 'begun' }
          await result
        },
      }
    },
  } as unknown as ServedModel
}

t.test("importing 'openvino-llm' loads nothing of lib/server", (t) => {
  const reached = new Set<string>()
  const outside = new Set<string>()
  const walk = (file: string) => {
    if (reached.has(file)) return
    reached.add(file)
    for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
      const path = posix.join(posix.dirname(file), fileName)
      if (!fileName.startsWith('.')) outside.add(fileName)
      else if (existsSync(path)) walk(path)
    }
  }
  walk('dist/index.js')
  t.ok(reached.has('dist/llm.js'))
  t.same(
    [...reached].filter((file) => file.includes('/server/')),
    [],
  )
  t.same(
    [...outside].filter((name) => /hono|prom-client|opentelemetry/.test(name)),
    [],
  )
  t.end()
})

t.test('where it listens, and under which names', async (t) => {
  await using served = await serveTiny()
  const { server } = served
  await t.rejects(server.listen({ host: '0.0.0.0', port: 0 }), { name: 'TypeError', message: /apiKeys/ })
  await t.rejects(server.listen({ hosts: 'x' } as object), { message: /did you mean host/ })
  const { port, url } = await server.listen({ port: 0, allowedHosts: ['models.lan'] })
  t.equal(url, `http://127.0.0.1:${port}`)
  const as = async (host: string) => {
    const { request } = await import('node:http')
    return await new Promise<number | undefined>((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path: '/healthz', headers: { host } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      asked.on('error', reject).end()
    })
  }
  t.equal(await as(`localhost:${port}`), 200)
  t.equal(await as('models.lan'), 200)
  t.equal(await as('attacker.example'), 403, 'a page that makes a browser ask its own name')
  await t.rejects(server.listen({ port }), { code: 'EADDRINUSE' })
})

t.test('nothing of a request hangs on its signal when it has ended', async (t) => {
  await using served = await serveTiny()
  const body = JSON.stringify({ messages: [user('x')], max_tokens: 2, stream: true })
  // Of a known length: the limit of the body would else make another Request of this one, which listens too.
  const headers = { 'content-length': String(body.length) }
  const request = new Request(`http://localhost${chat}`, { method: 'POST', body, headers })
  const listeners = () => getEventListeners(request.signal, 'abort').length
  const before = listeners()
  const response = await served.server.fetch(request)
  await response.text()
  t.equal(listeners(), before)
})

t.test('misuse is a TypeError', async (t) => {
  t.throws(() => createServer({}), { name: 'TypeError', message: /at least one model/ })
  t.throws(() => createServer({ a: 5 as never }), { message: /models\.a/ })
  await using served = await serveTiny()
  t.throws(() => createServer(served.llm, { apiKey: ['x'] } as object), { message: /did you mean apiKeys/ })
  t.throws(() => createServer(served.llm, { apiKeys: ['short'] }), { message: /at least 8/ })
})
