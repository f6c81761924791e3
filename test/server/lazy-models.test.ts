import t from 'tap'
import type { LLM } from '#lib/index.js'
import { createServer, type Server } from '#lib/server/index.js'
import { loadTiny } from '../llm/fixtures.js'
import { post } from './serving.js'

const names = ['tiny-llama-fp32', 'tiny-phi3-sw16-fp32', 'tiny-phi3-longrope-fp32']
const asked = { prompt: [10, 11, 12], max_tokens: 8, temperature: 0, ignore_eos: true }

const textOf = ({ body }: { body: Record<string, unknown> }) =>
  (body['choices'] as { text: string }[] | undefined)?.[0]?.text ?? JSON.stringify(body)

const get = async (server: Server, path: string) =>
  await (await server.fetch(new Request(`http://localhost${path}`))).text()

t.test('three models in the room of two: no request is lost or mixed up', async (t) => {
  const expected = new Map<string, string>()
  for (const name of names) {
    await using llm = await loadTiny(name)
    const { text } = await llm.generate({ tokens: asked.prompt }, { maxNewTokens: 8, temperature: 0, ignoreEos: true })
    expected.set(name, text)
  }
  t.equal(new Set(expected.values()).size, 3, 'the models answer differently')

  let present = 0
  let most = 0
  const load = (name: string) => async (): Promise<LLM> => {
    most = Math.max(most, ++present)
    const llm = await loadTiny(name)
    const close = llm.close.bind(llm)
    llm.close = async () => {
      await close()
      present--
    }
    return llm
  }
  const models = names.map((name) => [name, { load: load(name), bytes: 10, aliases: [`${name}-alias`] }])
  const server = createServer(Object.fromEntries(models), { maxModelBytes: 25 })
  t.match(JSON.parse(await get(server, `/v1/models/${names[0]}`)), { loaded: false, max_model_len: null })
  t.equal(present, 0)

  const answers = await Promise.all(
    Array.from({ length: 18 }, async (_, i) => {
      const name = names[(i * 5) % 3] as string
      const model = i % 2 === 0 ? name : `${name}-alias`
      const answer = await post(server, '/v1/completions', { ...asked, model })
      return { right: textOf(answer) === expected.get(name) && answer.body['model'] === name, answer }
    }),
  )
  t.same(
    answers.filter(({ right }) => !right),
    [],
  )
  t.equal(most, 2)
  t.match(await post(server, '/v1/completions', { ...asked, model: names[0] }), { status: 200 })
  t.match(JSON.parse(await get(server, `/v1/models/${names[0]}-alias`)), {
    id: names[0],
    loaded: true,
    max_model_len: Number,
    aliases: [`${names[0]}-alias`],
  })
  t.match(await get(server, '/metrics'), `openvino_llm_requests_active{model="${names[0]}"} 0`)
  await server.close()
  t.equal(present, 0, 'closing closes what the server has loaded')
})

t.test('a request waits for its model no longer than its time, and a load that fails says why', async (t) => {
  const never = async () => await new Promise<LLM>(() => {})
  const failing = async () => {
    throw new TypeError('expected another device')
  }
  const errors: unknown[] = []
  const server = createServer(
    { never: { load: never }, failing: { load: failing }, wrong: { load: async () => 5 as never } },
    { requestTimeout: 20, onError: (error) => errors.push(error) },
  )
  t.match(await post(server, '/v1/completions', { ...asked, model: 'never' }), {
    status: 504,
    body: { error: { code: 'timeout', message: /20 ms/ } },
  })
  const left = new AbortController()
  const body = JSON.stringify({ ...asked, model: 'never' })
  const waiting = server.fetch(
    new Request('http://localhost/v1/completions', { method: 'POST', body, signal: left.signal }),
  )
  left.abort()
  t.equal((await waiting).status, 499)
  // Neither is the client's fault, nor are the words for it.
  const message = /failing could not be loaded; the log/
  const failed = await post(server, '/v1/completions', { ...asked, model: 'failing' })
  t.match(failed, { status: 500, body: { error: { message } } })
  t.match(await post(server, '/tokenize', { model: 'wrong', prompt: 'x' }), { status: 500 })
  t.match(errors.slice(-2), [{ cause: { message: /another device/ } }, { cause: { message: /expected load to give/ } }])
})

t.test('misuse of lazy models is a TypeError', async (t) => {
  const load = async () => await new Promise<LLM>(() => {})
  t.throws(() => createServer({ a: { load, alias: 'x' } as never }), { message: /alias.* did you mean aliases/ })
  t.throws(() => createServer({ a: { load: 5 } as never }), { message: /models\.a: expected a loaded model/ })
  t.throws(() => createServer({ a: { load } }, { maxModelBytes: 5 }), { message: /models\.a: expected bytes/ })
  t.throws(() => createServer({ a: { load }, b: { load, aliases: ['a'] } }), { message: /models\.b: two models/ })
  t.throws(() => createServer({ a: { load, unloadAfter: 0 } }), { message: /unloadAfter/ })
})
