import t from 'tap'
import { LLMError } from '#lib/index.js'
import { apiErrorOf } from '#lib/server/api-error.js'
import { OpenAI } from './openai.js'
import { call, serveSaid } from './said.js'
import { post, serveTiny, user } from './serving.js'

const chat = '/v1/chat/completions'
const messages = [user('Hello there')]
const tool = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }

t.test('a failure in the middle of a stream is an error of the client', async (t) => {
  await using served = await serveSaid({ failure: new LLMError('ERR_OUT_OF_MEMORY', 'no memory') })
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const chunks: unknown[] = []
  const read = async () => {
    for await (const chunk of await client.chat.completions.create({ model: 'said', messages, stream: true }))
      chunks.push(chunk)
  }
  await t.rejects(read(), { name: 'Error', message: /no memory/, code: 'ERR_OUT_OF_MEMORY', type: 'server_error' })
  t.ok(chunks.length > 1)
  const events: string[] = []
  const responses = async () => {
    for await (const event of await client.responses.create({ model: 'said', input: 'x', stream: true }))
      events.push(event.type)
  }
  await t.rejects(responses(), { code: 'ERR_OUT_OF_MEMORY' })
  t.equal(events.at(-1), 'response.failed')
})

t.test('a history of tools that is malformed is the fault of the messages', async (t) => {
  await using served = await serveTiny()
  const called = { id: call.id, type: 'function', function: { name: 'weather', arguments: '{}' } }
  const assistant = (tool_calls: unknown) => ({ role: 'assistant', content: null, tool_calls })
  const result = { role: 'tool', tool_call_id: call.id, content: 'clear' }
  const wrong: unknown[][] = [
    [user('x'), result],
    [user('x'), assistant([called]), { ...result, tool_call_id: 'call_2' }],
    [user('x'), assistant([called]), { ...result, tool_call_id: 5 }],
    [user('x'), assistant('all')],
    [user('x'), assistant([null])],
    [user('x'), assistant([{ ...called, id: 5 }])],
    [user('x'), assistant([{ ...called, function: null }])],
    [user('x'), assistant([{ ...called, function: { arguments: '{}' } }])],
    [user('x'), assistant([{ ...called, function: { name: 'weather', arguments: '{' } }])],
    [user('x'), assistant([{ ...called, function: { name: 'weather', arguments: '[]' } }])],
    [user('x'), assistant([called]), { ...result, content: 5 }],
    [user('x'), assistant([called]), { ...result, content: [{ type: 'image_url' }] }],
    [null],
    ['x'],
    [{ content: 'x' }],
  ]
  for (const messages of wrong) {
    const answer = await post(served.server, chat, { messages })
    const error = { type: 'invalid_request_error', param: 'messages' }
    t.match(answer, { status: 400, body: { error } }, JSON.stringify(messages))
  }
  for (const tools of [[{ type: 'function' }], [{ ...tool, function: { name: 'a b' } }], [tool]]) {
    const answer = await post(served.server, chat, { messages, tools })
    t.match(answer, { status: 400, body: { error: { param: 'tools' } } }, JSON.stringify(tools))
  }
})

t.test('a schema that cannot be obeyed is the fault of the field that has it', (t) => {
  const paramOf = (message: string, body: object) =>
    apiErrorOf(new LLMError('ERR_GRAMMAR', message), new Map(), body as Record<string, unknown>).body.error.param
  const response_format = { type: 'json_schema' }
  t.equal(paramOf('no', { response_format }), 'response_format')
  t.equal(paramOf('no', { text: { format: {} } }), 'text')
  t.equal(paramOf('no', { tools: [tool], tool_choice: 'required' }), 'tools')
  t.equal(paramOf('no', { tools: [tool], response_format }), 'response_format')
  t.equal(paramOf('no', { tools: [tool], response_format, tool_choice: 'required' }), 'tools')
  t.equal(paramOf('tool weather: no', { tools: [tool], response_format }), 'tools')
  t.end()
})

t.test('who is turned away learns when to come again', async (t) => {
  const full = new LLMError('ERR_QUEUE_FULL', 'full')
  const after = async (retryAfterSeconds: number | null) => {
    await using served = await serveSaid({ failure: full, info: { modelYaml: { retryAfterSeconds } } })
    const { status, headers } = await post(served.server, chat, { messages })
    t.equal(status, 429)
    return headers.get('retry-after')
  }
  t.equal(await after(null), '1')
  t.equal(await after(30), '30')
})

t.test('what a request asks of the template, and a message that goes on', async (t) => {
  await using said = await serveSaid()
  await post(said.server, chat, { messages, chat_template_kwargs: { mood: 'kind' }, prediction: { type: 'content' } })
  t.match(said.asked[0]?.options, { chatTemplateKwargs: { mood: 'kind' } })
  await using served = await serveTiny()
  const begun = [...messages, { role: 'assistant', content: 'Well' }]
  const options = { maxNewTokens: 8, temperature: 0, continueFinalMessage: true }
  const { text } = await served.llm.generate(begun, options)
  const asked = { messages: begun, max_tokens: 8, temperature: 0, continue_final_message: true }
  const found = await post(served.server, chat, asked)
  t.match(found.body, { system_fingerprint: /^fp_/, choices: [{ message: { content: text } }] })
})
