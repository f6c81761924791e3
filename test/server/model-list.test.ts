import Anthropic from '@anthropic-ai/sdk'
import t from 'tap'
import { createServer } from '#lib/server/index.js'
import { loadTiny } from '../llm/fixtures.js'
import { post } from './serving.js'

const failure = async (answer: Promise<unknown>) =>
  await answer.then(
    () => undefined,
    (error: unknown) => error,
  )

t.test("Anthropic's client lists and describes models, page by page", async (t) => {
  await using llm = await loadTiny()
  const server = createServer({ a: llm, b: llm, c: { load: () => loadTiny() } })
  const client = new Anthropic({
    apiKey: 'x',
    baseURL: 'http://localhost',
    maxRetries: 0,
    fetch: async (url, init) => await server.fetch(new Request(url, init as RequestInit)),
  })
  const ids = async (query: object) => {
    const { data, has_more: more, first_id: first, last_id: last } = await client.models.list(query)
    t.same([first, last], [data[0]?.id ?? null, data.at(-1)?.id ?? null])
    return [...data.map(({ id }) => id), more]
  }
  t.same(await ids({}), ['a', 'b', 'c', false])
  t.same(await ids({ limit: 2 }), ['a', 'b', true])
  t.same(await ids({ limit: 2, after_id: 'b' }), ['c', false])
  t.same(await ids({ limit: 1, before_id: 'c' }), ['b', true])
  t.same(await ids({ after_id: 'c' }), [false])
  const all = []
  for await (const { id } of client.models.list({ limit: 1 })) all.push(id)
  t.same(all, ['a', 'b', 'c'])

  const { contextLength } = llm.info
  t.match(await client.models.retrieve('a'), {
    type: 'model',
    id: 'a',
    display_name: 'a',
    created_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/,
    max_input_tokens: contextLength,
  })
  t.match(await client.models.retrieve('c'), { id: 'c', max_input_tokens: null })
  t.match(await failure(client.models.retrieve('none')), {
    status: 404,
    error: { type: 'error', error: { type: 'not_found_error' } },
  })
  for (const query of [{ limit: 0 }, { limit: 1001 }, { after_id: 'none' }]) {
    t.match(await failure(client.models.list(query)), {
      status: 400,
      error: { error: { type: 'invalid_request_error' } },
    })
  }
  // Everybody else gets OpenAI's shapes.
  const list = await server.fetch(new Request('http://localhost/v1/models'))
  t.match(await list.json(), { object: 'list', data: [{ object: 'model', id: 'a' }, {}, {}] })
  const none = await server.fetch(new Request('http://localhost/v1/models/none'))
  t.match(await none.json(), { error: { code: 'model_not_found' } })
  await server.close()
})

t.test('a loaded model has other names', async (t) => {
  await using llm = await loadTiny()
  const server = createServer({ a: { model: llm, aliases: ['gpt-4o'] }, b: llm })
  const answer = await post(server, '/v1/completions', { model: 'gpt-4o', prompt: [10], max_tokens: 1 })
  t.match(answer, { status: 200, body: { model: 'a' } })
  const list = await server.fetch(new Request('http://localhost/v1/models'))
  t.match(await list.json(), { data: [{ id: 'a', aliases: ['gpt-4o'], loaded: true }, { id: 'b' }] })
  const wrong: [models: object, message: RegExp][] = [
    [{ a: { model: llm, aliases: ['b'] }, b: llm }, /two models are called b/],
    [{ a: { model: llm, alias: 'b' } }, /unknown option alias in models\.a/],
    [{ a: { model: {} } }, /expected model to be a loaded model/],
    [{ a: { model: llm, bytes: -1 } }, /expected bytes/],
  ]
  for (const [models, message] of wrong) t.throws(() => createServer(models as never), { name: 'TypeError', message })
  await server.close()
  t.match(await llm.generate({ tokens: [10] }, { maxNewTokens: 1 }), { usage: { completionTokens: 1 } }, 'stays open')
})

t.test('loaded models take their part of maxModelBytes', async (t) => {
  await using llm = await loadTiny()
  const lazy = { load: () => loadTiny(), bytes: 10 }
  const status = async (models: Parameters<typeof createServer>[0], maxModelBytes: number) => {
    const server = createServer(models, { maxModelBytes })
    const { status, body } = await post(server, '/v1/completions', { model: 'lazy', prompt: [10], max_tokens: 1 })
    const loaded = await post(server, '/v1/completions', { model: 'loaded', prompt: [10], max_tokens: 1 })
    t.equal(loaded.status, 200, 'it stays')
    await server.close()
    return [status, (body['error'] as { code?: string } | undefined)?.code]
  }
  const { memory, kvCache } = llm.info
  const own = memory.weights + kvCache.bytes
  t.same(await status({ loaded: llm, lazy }, own + 10), [200, undefined])
  t.same(await status({ loaded: llm, lazy }, own + 9), [503, 'ERR_OUT_OF_MEMORY'])
  t.same(await status({ loaded: { model: llm, bytes: 5 }, lazy }, 15), [200, undefined])

  // What goes gives room.
  const server = createServer({ loaded: { model: llm, bytes: 5 }, lazy }, { maxModelBytes: 14 })
  const ask = async () => (await post(server, '/v1/completions', { model: 'lazy', prompt: [10], max_tokens: 1 })).status
  t.equal(await ask(), 503)
  server.update({ models: { lazy } })
  t.equal(await ask(), 200)
  await server.close()
})
