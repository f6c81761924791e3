import Anthropic from '@anthropic-ai/sdk'
import t from 'tap'
import type { LLM } from '#lib/index.js'
import { ApiError } from '#lib/server/api-error.js'
import { doneEvents, EventBody } from '#lib/server/event-stream.js'
import { createServer, type Server } from '#lib/server/index.js'
import { streamOnceReady } from '#lib/server/loading-stream.js'
import { loadTiny } from '../llm/fixtures.js'
import { OpenAI } from './openai.js'
import { user } from './serving.js'

const asked = { model: 'tiny', messages: [user('x')], max_tokens: 4, temperature: 0 }
const bodies: Readonly<Record<string, object>> = {
  '/v1/chat/completions': asked,
  '/v1/completions': { model: 'tiny', prompt: [10], max_tokens: 4, temperature: 0 },
  '/v1/responses': { model: 'tiny', input: 'x', max_output_tokens: 4, temperature: 0 },
  '/v1/messages': asked,
}

const reading = (response: Response) => {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  return async () => {
    const { done, value } = await reader.read()
    return done ? undefined : new TextDecoder().decode(value)
  }
}

/** All text of a stream, whatever the protocol. */
const saidIn = (events: string) =>
  [...events.matchAll(/"(?:content|text|delta)":("(?:[^"\\]|\\.)*")/g)]
    .map(([, text = '""']) => JSON.parse(text) as string)
    .join('')

const ask = async (server: Server, path: string, signal?: AbortSignal) =>
  await server.fetch(
    new Request(`http://localhost${path}`, {
      method: 'POST',
      body: JSON.stringify({ ...bodies[path], stream: true }),
      ...(signal && { signal }),
    }),
  )

t.test('a stream begins while its model loads, and is the usual one from then on', async (t) => {
  for (const path of Object.keys(bodies)) {
    let load: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      load = resolve
    })
    const server = createServer({
      tiny: {
        load: async () => {
          await gate
          return await loadTiny()
        },
      },
    })
    // It is there although nothing was loaded yet.
    const response = await ask(server, path)
    t.match(response, { status: 200 })
    t.match(response.headers.get('content-type'), /event-stream/)
    const read = reading(response)
    t.match(await read(), path === '/v1/messages' ? /^event: ping\n/ : /^: /, path)
    load()
    let text = ''
    for (let part = await read(); part !== undefined; part = await read()) text += part
    const again = await (await ask(server, path)).text()
    t.equal(saidIn(text), saidIn(again), path)
    t.not(saidIn(text), '')
    const ends = (events: string) => events.trim().split('\n').at(-1)?.slice(0, 30)
    t.equal(ends(text), ends(again))
    await server.close()
  }
})

t.test('what fails behind the head is an event, which clients throw', async (t) => {
  const errors: unknown[] = []
  const failing = async (): Promise<LLM> => {
    throw new Error('no such device')
  }
  const server = createServer({ tiny: { load: failing } }, { onError: (error) => errors.push(error) })
  for (const path of Object.keys(bodies)) {
    const response = await ask(server, path)
    t.equal(response.status, 200, path)
    t.match(await response.text(), /"error":\{[^}]*tiny could not be loaded/, path)
  }
  t.match(errors, [{ cause: { message: 'no such device' } }, {}, {}, {}])
  t.equal((await ask(createServer({ other: { load: failing }, b: { load: failing } }), '/v1/completions')).status, 404)

  const { url } = await server.listen({ port: 0 })
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x', maxRetries: 0 })
  await t.rejects(openai.chat.completions.stream(asked).finalChatCompletion(), { message: /could not be loaded/ })
  const anthropic = new Anthropic({ baseURL: url, apiKey: 'x', maxRetries: 0 })
  await t.rejects(anthropic.messages.stream(asked).finalMessage(), { message: /could not be loaded/ })
  await server.close()

  // A field that is wrong is told likewise: nobody looks at it before the model is there.
  const loading = createServer({ tiny: { load: () => loadTiny() } })
  const wrong = await loading.fetch(
    new Request('http://localhost/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ ...asked, stream: true, temperature: 'hot' }),
    }),
  )
  t.match(await wrong.text(), /\n\ndata: \{"error":\{.*"param":"temperature"/)
  await loading.close()
})

t.test('a client that leaves while its model loads waits no longer', async (t) => {
  let closed = 0
  let load: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    load = resolve
  })
  const server = createServer({
    tiny: {
      load: async () => {
        await gate
        const llm = await loadTiny()
        const close = llm.close.bind(llm)
        llm.close = async () => {
          closed++
          await close()
        }
        return llm
      },
    },
  })
  const leaving = new AbortController()
  const response = await ask(server, '/v1/completions', leaving.signal)
  const read = reading(response)
  t.match(await read(), /^: /)
  leaving.abort()
  load()
  // A later one gets the model; the one before has asked it for nothing.
  const answer = await ask(server, '/v1/completions')
  t.match(await answer.text(), /\[DONE\]/)
  const metrics = await (await server.fetch(new Request('http://localhost/metrics'))).text()
  t.match(metrics, /openvino_llm_requests_total\{model="tiny",finish_reason="length"\} 1\n/)
  t.notMatch(metrics, /finish_reason="cancelled"/)
  // Nobody holds it any more.
  await server.close()
  t.equal(closed, 1)
})

t.test('silence is broken again and again', async (t) => {
  let ready: (response: Response) => void = () => {}
  const response = new Promise<Response>((resolve) => {
    ready = resolve
  })
  const stream = streamOnceReady(response, {
    abort: () => {},
    report: (error) => new ApiError(500, String(error)),
    errorBody: (problem) => problem.body,
    format: doneEvents,
    heartbeatMs: 1,
  })
  const read = reading(stream)
  for (let i = 0; i < 3; i++) t.equal(await read(), doneEvents.silence)
  async function* texts() {
    yield 'data: 1\n\n'
  }
  ready(new EventBody(texts(), () => {}).response(doneEvents))
  let text = await read()
  while (text === doneEvents.silence) text = await read()
  t.equal(text, 'data: 1\n\n')
  t.equal(await read(), undefined)
})
