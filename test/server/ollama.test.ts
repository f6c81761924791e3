import { Ollama } from 'ollama'
import t from 'tap'
import { messagesOf } from '#lib/server/ollama/history.js'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { call, serveSaid } from './said.js'
import { post, serveTiny, user } from './serving.js'

// The official client, over HTTP.
const messages = [user('Hello there')]
const options = { num_predict: 12, temperature: 0 }

async function connect() {
  const served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  return { ...served, client: new Ollama({ host: url }) }
}

t.test('a chat and a text are answered by the model, whole or streamed', async (t) => {
  await using served = await connect()
  const { llm, client } = served
  const greedy = { maxNewTokens: 12, temperature: 0 }
  const expected = await llm.generate(messages, greedy)
  const counts = { prompt_eval_count: expected.usage.promptTokens, eval_count: 12, done: true, done_reason: 'length' }
  const whole = await client.chat({ model: 'tiny', messages, options })
  t.match(whole, { model: 'tiny', message: { role: 'assistant', content: expected.text }, ...counts })
  t.ok(whole.total_duration >= whole.eval_duration && whole.eval_duration > 0)

  const parts: Awaited<ReturnType<typeof client.chat>>[] = []
  for await (const part of await client.chat({ model: 'tiny:latest', messages, options, stream: true }))
    parts.push(part)
  t.equal(parts.map(({ message }) => message.content).join(''), expected.text)
  t.same(
    parts.map(({ done }) => done),
    parts.map((_, i) => i === parts.length - 1),
  )
  t.match(parts.at(-1), { ...counts, message: { content: '' } })

  const system = { role: 'system', content: 'Be brief.' }
  const { text } = await llm.generate([system, ...messages], greedy)
  const asked = { model: 'tiny', prompt: 'Hello there', options }
  t.match(await client.generate({ ...asked, system: 'Be brief.' }), { response: text, done: true })
  const raw = await llm.generate('Hello there', greedy)
  let streamed = ''
  for await (const { response } of await client.generate({ ...asked, raw: true, stream: true })) streamed += response
  t.equal(streamed, raw.text)
})

t.test('without stream: false, what curl gets is a line of JSON for each part', async (t) => {
  await using served = await serveSaid()
  const body = JSON.stringify({ messages })
  const response = await served.server.fetch(new Request('http://localhost/api/chat', { method: 'POST', body }))
  t.equal(response.headers.get('content-type'), 'application/x-ndjson')
  const lines = (await response.text()).split('\n')
  t.equal(lines.pop(), '')
  t.same(
    lines.map((line) => JSON.parse(line).message),
    [
      { role: 'assistant', content: '', thinking: 'Where? ' },
      { role: 'assistant', content: '', thinking: 'Rome.' },
      { role: 'assistant', content: 'I will look.' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: call.id, function: { index: 0, name: call.name, arguments: call.arguments } }],
      },
      { role: 'assistant', content: '' },
    ],
  )
})

t.test('what each field asks of the model', async (t) => {
  await using served = await serveSaid()
  const { asked, url } = served
  const client = new Ollama({ host: url })
  const tool = { type: 'function', function: { name: 'weather', description: 'Tells', parameters: { type: 'object' } } }
  const found = await client.chat({
    model: 'said',
    messages,
    tools: [tool],
    think: true,
    keep_alive: '5m',
    options: {
      num_predict: -1,
      num_ctx: 4096,
      mirostat: 0,
      temperature: 0.5,
      top_k: 5,
      top_p: 0.5,
      min_p: 0.1,
      seed: 7,
      stop: ['x'],
      repeat_penalty: 1.1,
    },
  })
  t.match(found.message, {
    thinking: 'Where? Rome.',
    content: 'I will look.',
    tool_calls: [{ function: { name: call.name } }],
  })
  t.same(asked[0]?.options.maxNewTokens, undefined)
  t.match(asked[0]?.options, {
    tools: [tool],
    chatTemplateKwargs: { enable_thinking: true },
    temperature: 0.5,
    topK: 5,
    topP: 0.5,
    minP: 0.1,
    seed: 7,
    stop: ['x'],
    repetitionPenalty: 1.1,
  })
  const schema = { type: 'object' }
  await client.chat({ model: 'said', messages, think: false, format: schema })
  t.match(asked.at(-1)?.options, { reasoning: 'off', responseFormat: { type: 'json_schema', schema } })
  await client.generate({ model: 'said', prompt: 'x', think: 'low', format: 'json' })
  t.match(asked.at(-1)?.options, { reasoning: 'low', responseFormat: { type: 'json' } })
  // A request without a prompt loads the model.
  t.match(await client.generate({ model: 'said', prompt: '' }), { done: true, done_reason: 'load', response: '' })
  t.match(await client.chat({ model: 'said', messages: [], keep_alive: 0 }), { done_reason: 'unload' })
  t.equal(asked.length, 3)
})

t.test('results of tools without ids belong to the calls in their order, or to the tool that they name', (t) => {
  const called = (name: string) => ({ function: { name, arguments: {} } })
  const found = messagesOf([
    { role: 'assistant', content: '', tool_calls: [called('a'), called('b'), called('b')] },
    { role: 'tool', content: '1', tool_name: 'b' },
    { role: 'tool', content: '2' },
    { role: 'tool', content: '3' },
  ])
  t.match(found, [
    { tool_calls: [{ id: 'call_0' }, { id: 'call_1' }, { id: 'call_2' }] },
    { content: '1', tool_call_id: 'call_1' },
    { content: '2', tool_call_id: 'call_0' },
    { content: '3', tool_call_id: 'call_2' },
  ])
  const call = { id: 'mine', function: { name: 'a', arguments: {} } }
  const result = { role: 'tool', content: '', tool_call_id: 'mine' }
  t.match(messagesOf([{ role: 'assistant', tool_calls: [call] }, result])[1], { tool_call_id: 'mine' })
  t.end()
})

t.test('the models, and what they can do', async (t) => {
  await using served = await connect()
  const { client, llm } = served
  const details = { format: 'openvino', family: llm.info.modelType }
  const entry = { name: 'tiny', model: 'tiny', size: llm.info.memory.weights, digest: /^[0-9a-f]{64}$/, details }
  t.match((await client.list()).models, [entry])
  t.match((await client.ps()).models, [{ ...entry, context_length: llm.info.contextLength }])
  const shown = await client.show({ model: 'tiny' })
  t.match(shown, { details, model_info: { 'general.architecture': llm.info.modelType } })
  t.same(shown.capabilities, ['completion'])
  await using other = await serveSaid()
  const { body } = await post(other.server, '/api/show', { name: 'said' })
  t.match(body, { capabilities: ['completion', 'tools', 'thinking'], details: { quantization_level: 'u4' } })
  t.match(await client.version(), { version: /^\d+\.\d+\.\d+$/ })
})

t.test('failures are Ollama errors', async (t) => {
  await using served = await serveTiny()
  const chats: [object, RegExp][] = [
    [{ options: { temperature: 'hot' } }, /expected temperature to be/],
    [{ options: { mirostat: 1 } }, /expected mirostat to be a number 0/],
    [{ options: { num_predit: 1 } }, /unknown field num_predit; did you mean num_predict/],
    [{ options: { num_predict: 0 } }, /expected num_predict to be/],
    [{ temperature: 1 }, /unknown field temperature/],
    [{ keep_alive: {} }, /expected keep_alive to be/],
    [{ think: 'deep' }, /expected think to be/],
    [{ format: 'xml' }, /expected format to be/],
    [{ messages: 5 }, /expected messages to be/],
    [{ messages: [5] }, /messages\[0\]: expected an object/],
    [{ messages: [{ ...user('x'), images: ['aGk='] }] }, /messages\[0\]\.images/],
    [{ messages: [user('x '.repeat(400))] }, /context/],
  ]
  for (const [body, error] of chats) {
    t.match(await post(served.server, '/api/chat', { messages, ...body }), { status: 400, body: { error } })
  }
  for (const name of ['suffix', 'template', 'context', 'images']) {
    const value = name === 'context' || name === 'images' ? [1] : 'x'
    const error = new RegExp(`expected ${name} to be empty`)
    t.match(await post(served.server, '/api/generate', { prompt: 'x', [name]: value }), {
      status: 400,
      body: { error },
    })
  }
  t.match(await post(served.server, '/api/chat', { model: 'tinny', messages }), {
    status: 404,
    body: { error: /unknown model tinny; did you mean tiny/ },
  })
  t.match(await post(served.server, '/api/pull', {}), { status: 404, body: { error: /there is no POST/ } })
})

t.test('a failure in the middle of a stream is a line', async (t) => {
  await using served = await serveSaid({ failure: new Error('lost') })
  const stream = await new Ollama({ host: served.url }).chat({ model: 'said', messages, stream: true })
  const read = async () => {
    for await (const _ of stream);
  }
  await t.rejects(read(), { message: /the server failed to answer/ })
})

t.test('JSON that obeys a schema', { skip: skipWithoutGrammars }, async (t) => {
  await using served = await connect()
  const format = {
    type: 'object',
    properties: { a: { enum: ['x', 'y'] } },
    required: ['a'],
    additionalProperties: false,
  }
  const { message } = await served.client.chat({ model: 'tiny', messages, format, options: { temperature: 0 } })
  t.match(JSON.parse(message.content), { a: /^[xy]$/ })
})
