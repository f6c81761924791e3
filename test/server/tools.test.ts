import t from 'tap'
import { OpenAI } from './openai.js'
import { call, serveSaid } from './said.js'
import { post, user } from './serving.js'

async function serving() {
  const said = await serveSaid()
  return { ...said, client: new OpenAI({ baseURL: `${said.url}/v1`, apiKey: 'none', maxRetries: 0 }) }
}

const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const described = { name: 'weather', description: 'Tells', parameters }
const tools = [{ type: 'function' as const, function: described }]
const messages = [user('What is the weather in Rome?')]

t.test('tool calls and reasoning in a chat, whole and streamed', async (t) => {
  await using served = await serving()
  const { client, asked } = served
  const request = {
    model: 'said',
    messages,
    tools,
    tool_choice: 'auto',
    parallel_tool_calls: false,
    reasoning_effort: 'low',
  } as const
  const whole = await client.chat.completions.create(request)
  t.match(asked[0]?.options, { tools, toolChoice: 'auto', parallelToolCalls: false, reasoning: 'low' })
  const [choice] = whole.choices
  t.equal(choice?.finish_reason, 'tool_calls')
  const function_ = { name: 'weather', arguments: '{"city":"Rome"}' }
  t.match(choice?.message, {
    content: 'I will look.',
    reasoning_content: 'Where? Rome.',
    tool_calls: [{ id: call.id, type: 'function', function: function_ }],
  })
  t.match(whole.usage, { completion_tokens_details: { reasoning_tokens: 2 } })

  const helper = client.chat.completions.stream(request)
  const deltas: Record<string, unknown>[] = []
  for await (const { choices } of helper) if (choices[0]) deltas.push(choices[0].delta as Record<string, unknown>)
  t.ok(deltas.every((delta) => 'content' in delta))
  t.equal(deltas.map((delta) => delta['reasoning_content'] ?? '').join(''), 'Where? Rome.')
  const first = deltas.find((delta) => delta['tool_calls'])
  t.match(first, { tool_calls: [{ index: 0, id: call.id, type: 'function', function: { name: 'weather' } }] })
  const final = await helper.finalChatCompletion()
  t.match(final.choices[0]?.message.tool_calls, [{ id: call.id, function: function_ }])
})

t.test('the client runs the tools that are called, and tells what they gave', async (t) => {
  await using served = await serving()
  const { client, asked } = served
  for (const stream of [false, true] as const) {
    const called: unknown[] = []
    const weather = {
      ...described,
      parse: JSON.parse,
      function: (input: object) => {
        called.push(input)
        return 'clear'
      },
    }
    const request = { model: 'said', messages, tools: [{ type: 'function' as const, function: weather }] }
    const runner = stream
      ? client.chat.completions.runTools({ ...request, stream })
      : client.chat.completions.runTools(request)
    t.equal(await runner.finalContent(), 'It is clear.')
    t.same(called, [call.arguments])
    t.match((asked[asked.length - 1]?.prompt as object[] | undefined)?.slice(-2), [
      { role: 'assistant', tool_calls: [{ id: call.id }] },
      { role: 'tool', tool_call_id: call.id, content: 'clear' },
    ])
  }
})

t.test('tool calls and reasoning in a response, whole and streamed', async (t) => {
  await using served = await serving()
  const { client, asked } = served
  const request = {
    model: 'said',
    input: 'What is the weather in Rome?',
    tools: [{ type: 'function' as const, strict: true, ...described }],
    tool_choice: { type: 'function' as const, name: 'weather' },
    parallel_tool_calls: false,
  }
  const items = [
    { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Where? Rome.' }] },
    { type: 'message', content: [{ type: 'output_text', text: 'I will look.' }] },
    { type: 'function_call', call_id: call.id, name: 'weather', arguments: '{"city":"Rome"}', status: 'completed' },
  ]
  const whole = await client.responses.create(request)
  t.match(whole, { status: 'completed', output: items, usage: { output_tokens_details: { reasoning_tokens: 2 } } })
  t.match(asked[0]?.options, {
    tools: [{ function: described }],
    toolChoice: { name: 'weather' },
    parallelToolCalls: false,
  })
  const stream = client.responses.stream(request)
  const types: string[] = []
  for await (const { type } of stream) types.push(type)
  t.same(
    types.filter((type) => type.includes('output_item') || type.includes('summary_text') || type.includes('arguments')),
    [
      'response.output_item.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
    ],
  )
  t.match((await stream.finalResponse()).output, items)

  // The result of the call goes back with the conversation that is stored.
  const output = { type: 'function_call_output' as const, call_id: call.id, output: 'clear' }
  await client.responses.create({ ...request, input: [output], previous_response_id: whole.id })
  t.match(asked.at(-1)?.prompt, [
    user('What is the weather in Rome?'),
    { role: 'assistant', content: 'I will look.', tool_calls: [{ id: call.id }] },
    { role: 'tool', tool_call_id: call.id, content: 'clear' },
  ])
})

t.test('choices of tools that are none', async (t) => {
  await using served = await serving()
  for (const tool_choice of ['all', 5, {}, { type: 'function', function: {} }]) {
    const body = { messages, tools, tool_choice }
    t.match(await post(served.server, '/v1/chat/completions', body), {
      status: 400,
      body: { error: { param: 'tool_choice' } },
    })
  }
})
