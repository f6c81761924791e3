import type * as openai from 'openai'
import t from 'tap'
import { messagesOfInput } from '#lib/server/responses/input.js'
import { OpenAI } from './openai.js'
import { post, serveTiny, user } from './serving.js'

const path = '/v1/responses'
const greedy = { model: 'tiny', max_output_tokens: 12, temperature: 0 } as const

t.test('a response is the answer to the chat that its input stands for, whole or streamed', async (t) => {
  await using served = await serveTiny()
  const { llm, server } = served
  const { url } = await server.listen({ port: 0 })
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const messages = [{ role: 'system', content: 'Be brief.' }, user('Hello there')]
  const expected = await llm.generate(messages, { maxNewTokens: 12, temperature: 0 })
  const asked = { ...greedy, instructions: 'Be brief.', input: 'Hello there', presence_penalty: 0 }

  const whole = await client.responses.create(asked)
  t.equal(whole.output_text, expected.text)
  t.match(whole, {
    object: 'response',
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    model: 'tiny',
    instructions: 'Be brief.',
    temperature: 0,
    presence_penalty: 0,
    usage: { input_tokens: expected.usage.promptTokens, output_tokens: 12 },
  })
  for (const field of fields) t.ok(field in whole, field)

  const stream = client.responses.stream(asked)
  const types: string[] = []
  const numbers: number[] = []
  let text = ''
  for await (const event of stream) {
    types.push(event.type)
    numbers.push(event.sequence_number)
    if (event.type === 'response.output_text.delta') text += event.delta
  }
  t.equal(text, expected.text)
  t.same(
    numbers,
    numbers.map((_, i) => i),
  )
  const deltas = types.filter((type) => type === 'response.output_text.delta').length
  t.same(types, [
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    ...Array(deltas).fill('response.output_text.delta'),
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.incomplete',
  ])
  t.equal((await stream.finalResponse()).output_text, expected.text)
})

t.test('a conversation goes on from a response that was stored', async (t) => {
  await using served = await serveTiny({ apiKeys: ['ann has a key', 'bob has a key'], storedResponses: 2 })
  const { llm, server } = served
  const ann = { authorization: 'Bearer ann has a key' }
  const bob = { authorization: 'Bearer bob has a key' }
  const first = await post(server, path, { ...greedy, input: 'Hello' }, ann)
  const { text } = await llm.generate([user('Hello')], { maxNewTokens: 12, temperature: 0 })
  const id = first.body['id'] as string
  const next = { ...greedy, input: 'And now?', previous_response_id: id }
  const second = await post(server, path, next, ann)
  const history = [user('Hello'), { role: 'assistant', content: text }, user('And now?')]
  const expected = await llm.generate(history, { maxNewTokens: 12, temperature: 0 })
  t.match(second.body, { previous_response_id: id, output: [{ content: [{ text: expected.text }] }] })

  t.match(await post(server, path, next, bob), { status: 404, body: { error: { param: 'previous_response_id' } } })
  const get = async (headers: Record<string, string>, method = 'GET') =>
    await server.fetch(new Request(`http://localhost${path}/${id}`, { headers, method }))
  t.equal((await get(bob)).status, 404, 'the response of another key')
  t.match(await (await get(ann)).json(), { id })
  t.match(await (await get(ann, 'DELETE')).json(), { id, deleted: true })
  t.equal((await get(ann)).status, 404)

  const unstored = await post(server, path, { ...greedy, input: 'Hello', store: false }, ann)
  const after = await post(server, path, { ...next, previous_response_id: unstored.body['id'] }, ann)
  t.equal(after.status, 404)
  const kept: unknown[] = []
  for (const input of ['a', 'b', 'c']) kept.push((await post(server, path, { ...greedy, input }, ann)).body['id'])
  const ask = async (previous_response_id: unknown) =>
    (await post(server, path, { ...next, previous_response_id }, ann)).status
  t.equal(await ask(kept[0]), 404, 'two are kept')
  t.equal(await ask(kept[2]), 200)
})

t.test('the items of an input', async (t) => {
  const call = (call_id: string) => ({ type: 'function_call', call_id, name: 'f', arguments: '{}' })
  const made = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })
  t.same(
    messagesOfInput([
      { role: 'developer', content: 'a' },
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'b' },
          { type: 'input_text', text: 'c' },
        ],
      },
      { type: 'reasoning', summary: [] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'd' }] },
      call('1'),
      call('2'),
      { type: 'function_call_output', call_id: '1', output: 'e' },
      call('3'),
    ]),
    [
      { role: 'system', content: 'a' },
      { role: 'user', content: 'bc' },
      { role: 'assistant', content: 'd', tool_calls: [made('1'), made('2')] },
      { role: 'tool', tool_call_id: '1', content: 'e' },
      { role: 'assistant', content: '', tool_calls: [made('3')] },
    ],
  )
  for (const [input, message] of [
    [5, /input to be a text/],
    [[5], /input\[0\]: expected an object/],
    [[{ type: 'dance' }], /input\[0\]\.type/],
    [[{ role: 5 }], /input\[0\]\.role/],
    [[{ role: 'user', content: [{ type: 'input_image' }] }], /input\[0\]\.content\[0\]/],
    [[{ type: 'function_call', call_id: 'x', name: 'f', arguments: {} }], /input\[0\]\.arguments/],
    [[{ type: 'function_call_output' }], /input\[0\]\.call_id/],
  ] as const) {
    t.throws(() => messagesOfInput(input), { status: 400, message } as never, String(message))
  }
})

t.test('what agents send, and what is wrong', async (t) => {
  await using served = await serveTiny()
  const { server } = served
  const asked = {
    ...greedy,
    input: 'Hello',
    include: ['reasoning.encrypted_content'],
    tools: [{ type: 'web_search' }, { type: 'namespace', name: 'x' }],
    parallel_tool_calls: false,
    prompt_cache_key: 'x',
    client_metadata: {},
    truncation: 'auto',
  }
  t.equal((await post(server, path, asked)).status, 200)
  for (const [body, error] of [
    [{}, { param: 'input' }],
    [{ input: 'x', background: true }, { param: 'background' }],
    [{ input: 'x', max_output_tokens: 0 }, { param: 'max_output_tokens' }],
    [{ input: 'x', truncation: 'middle' }, { param: 'truncation' }],
    [{ input: 'x', messages: [] }, { code: 'unknown_parameter' }],
    [{ input: 'x '.repeat(400) }, { code: 'context_length_exceeded' }],
    [{ input: 'x '.repeat(400), stream: true }, { code: 'context_length_exceeded' }],
  ] as const) {
    t.match(await post(server, path, body), { status: 400, body: { error } }, JSON.stringify(error))
  }
})

/** Those that OpenAI's specification requires. */
const fields = [
  'id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools',
  'tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature reasoning',
  'usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key',
].flatMap((line) => line.split(' '))

t.test('a chat that is too long loses its oldest messages where truncation is auto', async (t) => {
  await using served = await serveTiny()
  const old = Array.from({ length: 60 }, (_, i) => user(`message ${i} of a chat that is long`))
  const asked = { ...greedy, input: [...old, user('Hello')], instructions: 'Be brief.' }
  const cut = await post(served.server, path, { ...asked, truncation: 'auto' })
  t.match(cut, { status: 200, body: { truncation: 'auto' } })
  const options = { maxNewTokens: 12, temperature: 0, contextOverflow: 'drop-oldest' } as const
  const chat = [{ role: 'system', content: 'Be brief.' }, ...asked.input]
  const { text, usage } = await served.llm.generate(chat, options)
  t.match(cut.body, { output: [{ content: [{ text }] }], usage: { input_tokens: usage.promptTokens } })
  t.match(await post(served.server, path, asked), { body: { error: { code: 'context_length_exceeded' } } })
})

t.test('log-probabilities of the message, when they are included: streamed the same as whole', async (t) => {
  await using served = await serveTiny()
  const { llm, server } = served
  const { url } = await server.listen({ port: 0 })
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const asked = {
    ...greedy,
    input: 'Hello there',
    include: ['message.output_text.logprobs' as const],
    top_logprobs: 2,
  }
  const { logprobs = [] } = await llm.generate([user('Hello there')], {
    maxNewTokens: 12,
    temperature: 0,
    logprobs: 2,
  })
  interface Likely {
    token: string
    logprob: number
    bytes?: number[]
  }
  const plain = ({ token, bytes }: Likely) => ({ token, bytes })
  const tokensIn = (all: readonly (Likely & { top_logprobs?: Partial<Likely>[] })[] = []) =>
    all.map(({ top_logprobs: top = [], ...token }) => ({
      ...plain(token),
      top: top.map((each) => plain(each as Likely)),
    }))
  const expected = tokensIn(
    logprobs.map(({ text, topLogprobs, ...rest }) => ({
      ...rest,
      token: text,
      top_logprobs: topLogprobs.map(({ text, ...rest }) => ({ ...rest, token: text })),
    })),
  )
  t.equal(expected.length, 12)
  // Prompts that are computed anew, and those that are found in the cache, differ in the last digits.
  const isNear = (found: readonly Likely[] = []) =>
    found.every(({ logprob }, i) => Math.abs(logprob - (logprobs[i]?.logprob ?? 0)) < 1e-3)
  t.match(expected[0]?.top.length, 2)

  const ofMessage = (response: openai.OpenAI.Responses.Response) => {
    const [item] = response.output
    const [content] = item?.type === 'message' ? item.content : []
    return content?.type === 'output_text' ? content.logprobs : undefined
  }
  const whole = await client.responses.create(asked)
  t.same(tokensIn(ofMessage(whole)), expected)
  t.ok(isNear(ofMessage(whole)))
  t.equal(whole.top_logprobs, 2)
  const stream = client.responses.stream(asked)
  const deltas: Likely[] = []
  let done: Likely[] = []
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') deltas.push(...event.logprobs)
    if (event.type === 'response.output_text.done') done = event.logprobs
  }
  t.same(tokensIn(deltas), expected)
  t.ok(isNear(deltas))
  t.same(done, deltas)
  t.same(ofMessage(await stream.finalResponse()), deltas)

  const without = await client.responses.create({ ...asked, include: ['reasoning.encrypted_content'] })
  t.same(ofMessage(without), [], 'they are not asked for')
  const chosen = await client.responses.create({ ...greedy, input: 'Hello there', include: asked.include })
  t.match(ofMessage(chosen)?.[0], { top_logprobs: [] })
  for (const [field, value] of [
    ['top_logprobs', 21],
    ['include', 'message.output_text.logprobs'],
  ] as const) {
    const refused = await post(server, path, { ...asked, [field]: value })
    t.match(refused, { status: 400, body: { error: { param: field } } }, field)
  }
})
