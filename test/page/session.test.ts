import t from 'tap'
import { Client } from '#page/api/client.js'
import type { AssistantTurn } from '#page/chats/chat.js'
import { ChatStore } from '#page/chats/store.js'
import { Session } from '#page/session.js'
import { MemoryShelf } from './shelf.js'

type Body = Record<string, unknown> & { messages: Record<string, unknown>[] }

/** A session whose server says what a test wants. */
function sessionWith(answers: (string[] | Response | (() => Promise<Response>))[], shelf = new MemoryShelf()) {
  const asked: { path: string; body: Body; headers: Record<string, string>; signal: AbortSignal }[] = []
  const fetcher = async (path: string, init: RequestInit) => {
    if (path === 'v1/models') return Response.json({ data: [{ id: 'first' }, { id: 'second' }] })
    asked.push({
      path,
      body: JSON.parse(init.body as string) as Body,
      headers: init.headers as Record<string, string>,
      signal: init.signal as AbortSignal,
    })
    const answer = answers.shift()
    if (typeof answer === 'function') return await answer()
    return answer instanceof Response ? answer : new Response(events(answer ?? []))
  }
  const session = new Session(new Client('', fetcher as unknown as typeof fetch), new ChatStore(shelf))
  return { session, asked, shelf }
}

const events = (data: string[]): string => [...data, '[DONE]'].map((each) => `data: ${each}\n\n`).join('')
const delta = (given: object): string =>
  JSON.stringify({ choices: [{ delta: { content: null, ...given }, finish_reason: null }] })
const end = (reason: string): string => JSON.stringify({ choices: [{ delta: { content: '' }, finish_reason: reason }] })
const usage = JSON.stringify({
  choices: [],
  usage: { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } },
})
const said = (text: string): string[] => [delta({ content: text }), end('stop'), usage]
const failed = (status: number, message: string): Response => Response.json({ error: { message } }, { status })
const last = ({ chat }: Session): AssistantTurn => chat.turns.at(-1) as AssistantTurn

t.test('a question, its answer, and the next one with both', async (t) => {
  const { session, asked, shelf } = sessionWith([
    [delta({ role: 'assistant', content: '' }), ...said('**Hi**')],
    said('again'),
  ])
  await session.connect()
  let changes = 0
  session.subscribe(() => changes++)
  await session.send('Hello\nthere')
  t.ok(changes > 3)
  t.match(last(session), { text: '**Hi**', model: 'first', finish: 'stop', error: undefined })
  t.match(last(session).figures, { tokens: 2, promptTokens: 9, cachedTokens: 4 })
  t.equal(session.chat.title, 'Hello there')
  t.equal(session.isAnswering, false)
  session.set({ model: 'second', system: 'Be kind.', temperature: 0, stop: 'x\n\ny', reasoning: 'low', format: 'json' })
  await session.send('Go on')
  t.same(asked[1]?.body, {
    model: 'second',
    messages: [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hello\nthere' },
      { role: 'assistant', content: '**Hi**' },
      { role: 'user', content: 'Go on' },
    ],
    temperature: 0,
    stop: ['x', 'y'],
    reasoning_effort: 'low',
    response_format: { type: 'json_object' },
    stream: true,
    stream_options: { include_usage: true },
  })
  t.ok(last(session).json)
  t.same(new ChatStore(shelf).chats(), [session.chat])
  t.match(new ChatStore(shelf).settings, { system: 'Be kind.' }, 'the next chat is asked in the same way')
  await session.send('   ')
  t.equal(asked.length, 2)
})

t.test('retry, edit, and chats that are opened and deleted', async (t) => {
  const { session, asked, shelf } = sessionWith(['1', '2', '3', '4', '5'].map(said))
  await session.send('one')
  await session.send('two')
  await session.retry()
  t.same(
    session.chat.turns.map(({ text }) => text),
    ['one', '1', 'two', '3'],
  )
  await session.edit(0, 'other')
  t.same(
    session.chat.turns.map(({ text }) => text),
    ['other', '4'],
  )
  t.same(asked.at(-1)?.body.messages, [{ role: 'user', content: 'other' }])
  t.equal(session.chat.title, 'other')
  const { id } = session.chat
  session.startChat()
  t.same(session.chat.turns, [])
  await session.send('new')
  t.equal(session.chats.length, 2)
  session.open(id)
  t.equal(session.chat.title, 'other')
  session.delete(id)
  t.equal(session.chat.turns.length, 0)
  t.same(
    new ChatStore(shelf).chats().map(({ title }) => title),
    ['new'],
  )
  session.deleteAll()
  t.equal(shelf.getItem(`openvino-llm.chat.${id}`), null)
  t.same(new ChatStore(shelf).chats(), [])
})

t.test('stop keeps what has come', async (t) => {
  let begun = () => {}
  const beginning = new Promise<void>((resolve) => {
    begun = resolve
  })
  const { session, asked } = sessionWith([
    async () => {
      const { signal } = asked[0] as { signal: AbortSignal }
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`data: ${delta({ content: 'half' })}\n\n`))
          signal.addEventListener('abort', () => controller.error(signal.reason))
        },
      })
      return new Response(stream)
    },
  ])
  session.subscribe(() => {
    if (session.coming?.text === 'half') begun()
  })
  const sent = session.send('x')
  await beginning
  t.equal(session.coming, last(session))
  await session.send('not now')
  await session.retry()
  t.equal(session.chat.turns.length, 2)
  session.stop()
  await sent
  t.match(last(session), { text: 'half', finish: 'stopped', error: undefined })
})

t.test('reasoning and tool calls, and the results that the user gives', async (t) => {
  const call = (index: number, more: object) => delta({ tool_calls: [{ index, ...more }] })
  const { session, asked } = sessionWith([
    [
      delta({ reasoning_content: 'Hm' }),
      delta({ reasoning_content: 'm' }),
      call(0, { id: 'a', type: 'function', function: { name: 'one', arguments: '' } }),
      call(0, { function: { arguments: '{"x":' } }),
      call(1, { id: 'b', type: 'function', function: { name: 'two', arguments: '' } }),
      call(0, { function: { arguments: '1}' } }),
      end('tool_calls'),
    ],
    said('done'),
  ])
  const tools = [{ type: 'function', function: { name: 'one' } }]
  session.set({ tools: JSON.stringify(tools) })
  await session.send('x')
  const toolCalls = [
    { id: 'a', name: 'one', arguments: '{"x":1}' },
    { id: 'b', name: 'two', arguments: '' },
  ]
  t.match(last(session), { reasoning: 'Hmm', toolCalls, finish: 'tool_calls' })
  await session.sendResults(new Map([['a', 'sunny']]))
  t.same(asked[1]?.body['tools'], tools)
  t.same(asked[1]?.body.messages.slice(1), [
    {
      role: 'assistant',
      content: '',
      tool_calls: toolCalls.map(({ id, ...called }) => ({ id, type: 'function', function: called })),
    },
    { role: 'tool', tool_call_id: 'a', content: 'sunny' },
    { role: 'tool', tool_call_id: 'b', content: '' },
  ])
  t.equal(last(session).text, 'done')
  await session.sendResults(new Map())
  t.equal(asked.length, 2, 'there is no call left')
})

t.test('what goes wrong is said where it happened', async (t) => {
  const { session } = sessionWith([
    failed(429, 'the queue is full'),
    [delta({ content: 'half' }), JSON.stringify({ error: { message: 'the engine broke' } })],
    new Response('<html>', { status: 502 }),
    new Response(`data: ${delta({ content: 'half' })}\n\n`),
    ['no JSON'],
    async () => {
      throw new TypeError('Failed to fetch')
    },
    said('well'),
  ])
  const errors: [string, string | RegExp][] = [
    ['', 'the queue is full'],
    ['half', 'the engine broke'],
    ['', 'the server answered with status 502'],
    ['half', 'the connection ended before the answer did'],
    ['', /JSON/],
    ['', 'the server does not answer'],
  ]
  await session.send('x')
  for (const [text, error] of errors) {
    t.match(last(session), { text, error, finish: 'error' })
    await session.retry()
  }
  t.match(last(session), { text: 'well', error: undefined })
  session.set({ format: 'schema', schema: '{' })
  await session.retry()
  t.match(last(session), { error: /^JSON Schema: this is not JSON/ })
  session.set({ format: 'text', tools: '{}' })
  await session.retry()
  t.match(last(session), { error: /^Tools: .*another kind/ })
})

t.test('an API key is asked for when the server wants one', async (t) => {
  const { session, asked } = sessionWith([failed(401, 'an API key is needed'), said('well')])
  await session.send('x')
  t.ok(session.needsKey)
  t.match(last(session), { error: 'an API key is needed' })
  await session.useKey('secret key')
  t.notOk(session.needsKey)
  await session.retry()
  t.match(
    asked.map(({ headers }) => headers['authorization']),
    [undefined, 'Bearer secret key'],
  )
  t.equal(last(session).text, 'well')
})

t.test('a browser without room says so, and the chat goes on', async (t) => {
  const { session } = sessionWith([said('well')], new MemoryShelf(10))
  await session.send('x')
  t.match(session.notice, /no room/)
  t.equal(last(session).text, 'well')
})

t.test('an answer to a chat that was deleted does not bring it back', async (t) => {
  const { session, shelf } = sessionWith([said('late')])
  const sent = session.send('x')
  session.delete(session.chat.id)
  await sent
  t.same(session.chats, [])
  t.equal(shelf.length, 0)
})
