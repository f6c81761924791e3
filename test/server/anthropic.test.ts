import Anthropic from '@anthropic-ai/sdk'
import t from 'tap'
import { messagesOf } from '#lib/server/anthropic/input.js'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { call, serveSaid } from './said.js'
import { post, serveTiny, user } from './serving.js'

// The official client, over HTTP.
const path = '/v1/messages'
const greedy = { model: 'tiny', max_tokens: 12, temperature: 0 } as const
const messages = [user('Hello there')]

async function connect() {
  const served = await serveTiny({ apiKeys: ['correct horse'] })
  const { url } = await served.server.listen({ port: 0 })
  const client = (apiKey = 'correct horse') => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 })
  return { ...served, client }
}

t.test('a message is the answer of the model, whole or streamed, and its prompt can be counted', async (t) => {
  await using served = await connect()
  const { llm } = served
  const client = served.client()
  const chat = [{ role: 'system', content: 'Be brief.\n\nBe kind.' }, ...messages]
  const expected = await llm.generate(chat, { maxNewTokens: 12, temperature: 0 })
  const blocks = ['Be brief.', 'Be kind.'].map((text) => ({ type: 'text' as const, text }))
  // A model that does not think is not asked to.
  const thinking = { type: 'enabled' as const, budget_tokens: 1024 }
  const asked = { ...greedy, system: blocks, messages, thinking, output_config: { effort: 'low' as const } }

  const whole = await client.messages.create(asked)
  t.match(whole, {
    type: 'message',
    role: 'assistant',
    model: 'tiny',
    content: [{ type: 'text', text: expected.text }],
    stop_reason: 'max_tokens',
    stop_sequence: null,
    usage: { output_tokens: 12 },
  })
  const { input_tokens: computed, cache_read_input_tokens: cached } = whole.usage
  t.equal(computed + (cached ?? 0), expected.usage.promptTokens)
  const { max_tokens: _, temperature: __, ...counted } = asked
  t.equal((await client.messages.countTokens(counted)).input_tokens, expected.usage.promptTokens)

  const stream = client.messages.stream(asked)
  let text = ''
  stream.on('text', (delta) => {
    text += delta
  })
  const final = await stream.finalMessage()
  t.equal(text, expected.text)
  t.match(final, { content: [{ type: 'text', text: expected.text }], stop_reason: 'max_tokens' })
  t.match(final.usage, { output_tokens: 12 })
})

t.test('a stop sequence ends the message and is named', async (t) => {
  await using served = await connect()
  const { text } = await served.llm.generate(messages, { maxNewTokens: 12, temperature: 0 })
  const stop = text.slice(4, 6)
  const asked = { ...greedy, messages, stop_sequences: ['never there', stop] }
  const found = await served.client().messages.create(asked)
  t.match(found, { stop_reason: 'stop_sequence', stop_sequence: stop })
  t.match(found.content, [{ text: text.slice(0, text.indexOf(stop)) }])
})

t.test('an answer goes on from words that are put into its mouth', async (t) => {
  await using served = await connect()
  const begun = [...messages, { role: 'assistant' as const, content: 'Well' }]
  const expected = await served.llm.generate(begun, { maxNewTokens: 12, temperature: 0, continueFinalMessage: true })
  const client = served.client()
  t.match((await client.messages.create({ ...greedy, messages: begun })).content, [{ text: expected.text }])
  const counted = await client.messages.countTokens({ model: 'tiny', messages: begun })
  t.equal(counted.input_tokens, expected.usage.promptTokens)
})

const tools = [{ name: 'weather', description: 'Tells', input_schema: { type: 'object' as const } }]
const content = [
  { type: 'thinking', thinking: 'Where? Rome.', signature: '' },
  { type: 'text', text: 'I will look.' },
  { type: 'tool_use', id: call.id, name: call.name, input: call.arguments },
]

t.test('thinking, text and tool calls, and the events of a stream in their order', async (t) => {
  await using served = await serveSaid()
  const { asked, url } = served
  const client = new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 })
  const request = {
    model: 'said',
    max_tokens: 4096,
    messages: [user('What is the weather in Rome?')],
    tools: [...tools, { type: 'web_search_20250305' as const, name: 'web_search' as const }],
    tool_choice: { type: 'tool' as const, name: 'weather', disable_parallel_tool_use: true },
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
    stop_sequences: ['never'],
  }
  const whole = await client.messages.create(request)
  t.match(whole, { content, stop_reason: 'tool_use', usage: { output_tokens_details: { thinking_tokens: 2 } } })
  t.match(asked[0]?.options, {
    maxNewTokens: 4096,
    stop: ['never'],
    tools: [{ name: 'weather', description: 'Tells', parameters: { type: 'object' } }],
    toolChoice: { name: 'weather' },
    parallelToolCalls: false,
    chatTemplateKwargs: { enable_thinking: true },
    reasoning: { budget: 1024 },
  })
  t.equal(asked[0]?.options.tools?.length, 1, 'a tool that Anthropic runs is left out')

  const stream = client.messages.stream(request)
  const types: string[] = []
  for await (const { type, ...event } of stream) {
    const { content_block: block, delta } = event as { content_block?: { type: string }; delta?: { type?: string } }
    types.push([type, block?.type ?? delta?.type].filter(Boolean).join(' '))
  }
  t.same(types, [
    'message_start',
    'content_block_start thinking',
    'content_block_delta thinking_delta',
    'content_block_delta thinking_delta',
    'content_block_delta signature_delta',
    'content_block_stop',
    'content_block_start text',
    'content_block_delta text_delta',
    'content_block_stop',
    'content_block_start tool_use',
    'content_block_delta input_json_delta',
    'content_block_delta input_json_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
  t.match(await stream.finalMessage(), { content, stop_reason: 'tool_use', usage: { input_tokens: 5 } })

  // What the client leaves out: pings, and that each event is called after its type.
  const body = JSON.stringify({ ...request, stream: true })
  const raw = await (await served.server.fetch(new Request(`http://localhost${path}`, { method: 'POST', body }))).text()
  t.match(raw, /^event: message_start\ndata: .*"input_tokens":5,.*\n\nevent: ping\ndata: {"type":"ping"}\n\n/)
  t.match(raw, /event: message_stop\ndata: {"type":"message_stop"}\n\n$/)

  await client.messages.create({ ...request, thinking: { type: 'disabled' }, tool_choice: { type: 'any' } })
  t.match(asked.at(-1)?.options, { reasoning: 'off', toolChoice: 'required' })
  const { thinking: _, ...unthinking } = request
  await client.messages.create({ ...unthinking, output_config: { effort: 'max' } })
  t.equal(asked.at(-1)?.options.reasoning, 'high')
})

t.test('the history of a conversation with tools', (t) => {
  const found = messagesOf({
    system: 'Be brief.',
    messages: [
      user('Weather?'),
      { role: 'assistant', content: [...content, { type: 'redacted_thinking', data: 'x' }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: 'clear' }] },
          { type: 'text', text: 'And now?', cache_control: { type: 'ephemeral' } },
        ],
      },
    ],
  })
  const said = { name: call.name, arguments: call.arguments }
  t.same(found, [
    { role: 'system', content: 'Be brief.' },
    user('Weather?'),
    {
      role: 'assistant',
      content: 'I will look.',
      reasoning_content: 'Where? Rome.',
      tool_calls: [{ id: call.id, type: 'function', function: said }],
    },
    { role: 'tool', tool_call_id: call.id, content: 'clear' },
    { role: 'user', content: [{ type: 'text', text: 'And now?' }] },
  ])
  t.end()
})

t.test('failures are the classes of the client, and say where', async (t) => {
  await using served = await connect()
  const asked = (body: object, key?: string) =>
    served
      .client(key)
      .messages.create({ ...greedy, messages, ...body } as never)
      .then(
        () => 'it did not fail',
        (error: unknown) => error,
      )
  const result = (id: string) => ({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id }] })
  const wrong: [object, RegExp][] = [
    [{ temperature: 'hot' }, /expected temperature to be/],
    [{ max_tokens: 0 }, /expected max_tokens to be/],
    [{ stop_sequences: [5] }, /expected stop_sequences to be/],
    [{ max_token: 1 }, /unknown field max_token; did you mean max_tokens/],
    [{ messages: 'x' }, /^messages: expected an array/],
    [{ messages: [] }, /at least one chat message/],
    [{ messages: [{ role: 'bot', content: 'x' }] }, /^messages\[0\]\.role: /],
    [{ messages: [{ role: 'user', content: [] }] }, /^messages\[0\]\.content: /],
    [{ messages: [{ role: 'user', content: [{ type: 'image' }] }] }, /^messages\[0\]\.content\[0\]\.type: /],
    [{ messages: [result('toolu_x')] }, /^messages\[0\]\.content\[0\]\.tool_use_id: .*toolu_x/],
    [{ messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b' }] }] }, /content\[0\]\.input/],
    [{ system: 5 }, /^system: /],
    [{ tools: [5] }, /^tools\[0\]: /],
    [{ tools, tool_choice: { type: 'some' } }, /tool_choice/],
    [{ thinking: { type: 'deep' } }, /thinking\.type/],
    [{ thinking: { type: 'enabled', budget_tokens: 'x' } }, /budget_tokens/],
    [{ output_config: { effort: 'huge' } }, /effort/],
    [{ output_config: { format: { type: 'json_schema' } } }, /output_config\.format/],
    [{ messages: [user('x '.repeat(400))] }, /context/],
    [{ messages: [user('x '.repeat(400))], stream: true }, /context/],
  ]
  for (const [body, message] of wrong) {
    t.match(await asked(body), { status: 400, error: { error: { type: 'invalid_request_error', message } } })
  }
  const unknown = await asked({ model: 'tinny' })
  t.match(unknown, { status: 404, error: { type: 'error', error: { type: 'not_found_error' } } })
  t.match(await asked({}, 'wrong key'), { status: 401, error: { error: { type: 'authentication_error' } } })
  const elsewhere = await post(served.server, `${path}/batches`, {}, { 'x-api-key': 'correct horse' })
  t.match(elsewhere, { status: 404, body: { type: 'error', error: { type: 'not_found_error' } } })
})

t.test('a failure in the middle of a stream is an event of Anthropic', async (t) => {
  await using served = await serveSaid({ failure: new Error('lost') })
  const client = new Anthropic({ baseURL: served.url, apiKey: 'none', maxRetries: 0 })
  const stream = await client.messages.create({ model: 'said', max_tokens: 9, messages, stream: true })
  const types: string[] = []
  const read = async () => {
    for await (const { type } of stream) types.push(type)
  }
  await t.rejects(read(), { type: 'api_error', message: /the server failed to answer/ })
  t.equal(types[0], 'message_start')
})

t.test('JSON that obeys a schema', { skip: skipWithoutGrammars }, async (t) => {
  await using served = await connect()
  const schema = { type: 'object', properties: { a: { enum: ['x', 'y'] } }, required: ['a'] }
  const format = { type: 'json_schema' as const, schema: { ...schema, additionalProperties: false } }
  const found = await served
    .client()
    .messages.create({ ...greedy, max_tokens: 200, messages, output_config: { format } })
  const [block] = found.content
  t.match(JSON.parse(block?.type === 'text' ? block.text : ''), { a: /^[xy]$/ })
})
