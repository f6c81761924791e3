import type * as openai from 'openai'
import t from 'tap'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { OpenAI } from './openai.js'
import { post, serveTiny, user } from './serving.js'

// The official client, over HTTP.
const messages = [user('Hello there')]
const greedy = { model: 'tiny', max_tokens: 12, temperature: 0 } as const

async function connect() {
  const served = await serveTiny({ apiKeys: ['correct horse'] })
  const { url } = await served.server.listen({ port: 0 })
  const client = (apiKey = 'correct horse') => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
  return { ...served, url, client }
}

t.test('chat completions are the answers of the model', async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const expected = await llm.generate(messages, { maxNewTokens: 12, temperature: 0 })
  const whole = await client().chat.completions.create({ ...greedy, messages, logprobs: true, top_logprobs: 2 })
  t.match(whole, {
    object: 'chat.completion',
    model: 'tiny',
    choices: [
      { index: 0, message: { role: 'assistant', content: expected.text, refusal: null }, finish_reason: 'length' },
    ],
    usage: { prompt_tokens: expected.usage.promptTokens, completion_tokens: 12 },
  })
  t.equal(whole.choices[0]?.logprobs?.content?.length, 12)

  const stream = await client().chat.completions.create({
    ...greedy,
    messages,
    logprobs: true,
    top_logprobs: 2,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  const logprobs: unknown[] = []
  const ends: unknown[] = []
  const usages: unknown[] = []
  for await (const { choices, usage } of stream) {
    if (usage) usages.push(usage)
    for (const choice of choices) {
      t.type(choice.delta.content, 'string', 'each delta has the key content')
      text += choice.delta.content
      logprobs.push(...(choice.logprobs?.content ?? []))
      if (choice.finish_reason !== null) ends.push(choice.finish_reason)
    }
  }
  t.equal(text, expected.text)
  t.same(logprobs, whole.choices[0]?.logprobs?.content)
  t.same(ends, ['length'])
  t.match(usages, [{ prompt_tokens: expected.usage.promptTokens, completion_tokens: 12 }])

  const helper = client().chat.completions.stream({ ...greedy, messages })
  t.equal(await helper.finalContent(), expected.text)
})

t.test('several answers are drawn with seeds of their own, streamed or not', async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const asked = { model: 'tiny', messages, max_tokens: 8, n: 3, seed: 7, temperature: 1.5 } as const
  const { choices } = await client().chat.completions.create(asked)
  const answers = await llm.generate(messages, {
    maxNewTokens: 8,
    numReturnSequences: 3,
    seed: 7,
    temperature: 1.5,
    topK: 0,
  })
  t.same(
    choices.map(({ message }) => message.content),
    answers.answers.map(({ text }) => text),
  )
  const streamed = ['', '', '']
  for await (const { choices } of await client().chat.completions.create({ ...asked, stream: true })) {
    for (const { index, delta } of choices) streamed[index] += delta.content ?? ''
  }
  t.same(
    streamed,
    answers.answers.map(({ text }) => text),
  )
})

t.test('text completions, of texts and of token ids, with the probabilities of an echoed prompt', async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const { tokens } = await llm.tokenize('Hello there')
  const expected = await llm.generate('Hello there', {
    maxNewTokens: 4,
    temperature: 0,
    logprobs: 1,
    promptLogprobs: 1,
  })
  const asked = { model: 'tiny', max_tokens: 4, temperature: 0, echo: true, logprobs: 1 } as const
  for (const prompt of ['Hello there', [...tokens]]) {
    const { choices } = await client().completions.create({ ...asked, prompt })
    t.match(choices, [{ index: 0, text: `Hello there${expected.text}`, finish_reason: 'length' }])
    const [found] = choices
    t.same(found?.logprobs?.token_logprobs, [
      ...(expected.promptLogprobs ?? []).map(({ logprob }) => logprob),
      ...(expected.logprobs ?? []).map(({ logprob }) => logprob),
    ])
    t.equal(found?.logprobs?.token_logprobs?.[0], null)
    t.equal(found?.logprobs?.top_logprobs?.length, tokens.length + 4)
  }
  // Through a stream: the prompt's text comes first, and with its probabilities each choice comes whole.
  for (const logprobs of [null, 1]) {
    const request = { ...asked, logprobs, prompt: ['Hello there', 'x'] }
    const { choices } = await client().completions.create(request)
    const texts = ['', '']
    const found: unknown[][] = [[], []]
    for await (const chunk of await client().completions.create({ ...request, stream: true })) {
      for (const { index, text, logprobs: part } of chunk.choices) {
        texts[index] += text
        found[index]?.push(...(part?.token_logprobs ?? []))
      }
    }
    t.same(
      texts,
      choices.map(({ text }) => text),
    )
    t.match(texts, [/^Hello there./, /^x./])
    t.same(
      found.map(({ length }) => length),
      choices.map(({ logprobs }) => logprobs?.token_logprobs?.length ?? 0),
    )
  }
  // Probabilities of the answer alone are streamed with its parts.
  const plain = { model: 'tiny', max_tokens: 4, temperature: 0, logprobs: 2, prompt: 'Hello there' } as const
  const { choices: unstreamed } = await client().completions.create(plain)
  const parts: NonNullable<openai.OpenAI.Completion['choices'][number]['logprobs']>[] = []
  for await (const { choices } of await client().completions.create({ ...plain, stream: true }))
    for (const { logprobs } of choices) if (logprobs) parts.push(logprobs)
  for (const field of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const)
    t.same(
      parts.flatMap((part): unknown[] => part[field] ?? []),
      unstreamed[0]?.logprobs?.[field],
      field,
    )
  // Two prompts: choices in their order, and the same through a stream.
  const two = { model: 'tiny', max_tokens: 4, temperature: 0, prompt: ['Hello there', 'x'] }
  const { choices } = await client().completions.create(two)
  t.same(
    choices.map(({ index }) => index),
    [0, 1],
  )
  const streamed = ['', '']
  for await (const { choices } of await client().completions.create({ ...two, stream: true })) {
    for (const { index, text } of choices) streamed[index] += text
  }
  t.same(
    streamed,
    choices.map(({ text }) => text),
  )
})

t.test('failures are the classes of the client', async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const asked = (body: object) => client().chat.completions.create({ ...greedy, messages, ...body } as never)
  const failure = async (promise: PromiseLike<unknown>) => await Promise.resolve(promise).catch((error) => error)
  const cases: [object, object][] = [
    [{ temperature: 'hot' }, { status: 400, param: 'temperature', code: 'invalid_value' }],
    [{ temprature: 1 }, { status: 400, code: 'unknown_parameter', message: /did you mean temperature/ }],
    [{ model: 'tinny' }, { status: 404, code: 'model_not_found', message: /did you mean tiny/ }],
    [{ messages: [] }, { status: 400 }],
    [{ messages: [user('x '.repeat(400))] }, { status: 400, code: 'context_length_exceeded' }],
    [{ min_tokens: -1 }, { status: 400, param: 'min_tokens' }],
  ]
  for (const [body, error] of cases) t.match(await failure(asked(body)), error, JSON.stringify(error))
  t.match(await failure(client('wrong key').models.list()), { status: 401, code: 'invalid_api_key' })
  t.match((await client().models.list()).data, [{ id: 'tiny', object: 'model', owned_by: 'openvino-llm' }])
  t.match(await client().models.retrieve('tiny'), { id: 'tiny' })
})

t.test('a client that leaves ends its answer, and no other one', async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const endless = { model: 'tiny', messages, max_tokens: 240, ignore_eos: true, temperature: 0 } as never
  const other = client().chat.completions.create(endless) as unknown as Promise<openai.OpenAI.ChatCompletion>
  const stream = (await client().chat.completions.create({
    ...(endless as object),
    stream: true,
  } as never)) as unknown as AsyncIterable<unknown> & { controller: AbortController }
  for await (const _ of stream) break
  stream.controller.abort()
  const left = new AbortController()
  const whole = client().chat.completions.create(endless, { signal: left.signal })
  left.abort()
  await t.rejects(whole)
  t.equal((await other).usage?.completion_tokens, 240)
  // Closing waits for what runs: it would take as long as the answers.
  await server.close({ deadline: 2 ** 31 - 1 })
  t.equal(llm.metrics().activeRequests, 0)
})

t.test('ids, times and counts are in every answer, those of the cache too', async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const long = [user('one two three four five six seven eight nine ten '.repeat(4))]
  const head = { id: String, created: Number, system_fingerprint: /^fp_[0-9a-f]{12}$/ }
  const details = { completion_tokens_details: { reasoning_tokens: 0 } }
  const first = await client().chat.completions.create({ ...greedy, messages: long })
  t.match(first, { ...head, id: /^chatcmpl-/, usage: { ...details, prompt_tokens_details: { cached_tokens: 0 } } })
  const again = await client().chat.completions.create({ ...greedy, messages: long })
  const cached = again.usage?.prompt_tokens_details?.cached_tokens ?? 0
  t.ok(cached > 0 && cached < (again.usage?.prompt_tokens ?? 0), `${cached} of the cache`)
  const text = await client().completions.create({ ...greedy, prompt: 'x' })
  t.match(text, { ...head, id: /^cmpl-/, usage: { ...details, prompt_tokens_details: { cached_tokens: 0 } } })
  const stream = { stream: true, stream_options: { include_usage: true } } as const
  const usages: unknown[] = []
  for await (const chunk of await client().chat.completions.create({ ...greedy, ...stream, messages: long })) {
    t.match(chunk, head)
    if (chunk.usage) usages.push(chunk.usage)
  }
  t.same(usages, [again.usage], 'one chunk has them')
  const { input_tokens_details: found } = (await client().responses.create({ model: 'tiny', input: 'x' })).usage ?? {}
  t.match(found, { cached_tokens: Number })
})

t.test('the shapes that lm_eval asks for', async (t) => {
  const { llm, server, url, client, ...rest } = await connect()
  await using _ = rest
  const headers = { authorization: 'Bearer correct horse' }
  const info = (await (await fetch(`${url}/tokenizer_info`, { headers })).json()) as { eos_token: string }
  t.equal(info.eos_token, '<|endoftext|>')
  const { tokens } = await llm.tokenize('test', { bos: 'never' })
  const found = await post(server, '/tokenize', { prompt: 'test', add_special_tokens: false }, headers)
  t.same(found.body.tokens, [...tokens])
  t.same((await post(server, '/v1/detokenize', { tokens: [...tokens] }, headers)).body, { prompt: 'test' })
})

t.test('JSON that obeys a schema', { skip: skipWithoutGrammars }, async (t) => {
  const { llm, server, client, ...rest } = await connect()
  await using _ = rest
  const schema = {
    type: 'object',
    properties: { colour: { enum: ['red', 'green'] }, size: { type: 'integer', minimum: 1, maximum: 9 } },
    required: ['colour', 'size'],
    additionalProperties: false,
  }
  const obeys = (text: string | null | undefined) =>
    t.match(JSON.parse(text ?? ''), { colour: /^(red|green)$/, size: Number })
  const asked = { model: 'tiny', seed: 3 } as const
  const { choices } = await client().chat.completions.create({
    ...asked,
    messages,
    response_format: { type: 'json_schema', json_schema: { name: 'thing', strict: true, schema } },
  })
  t.equal(choices[0]?.finish_reason, 'stop')
  obeys(choices[0]?.message.content)
  const json_schema = { name: 'thing', strict: true, schema }
  const parsed = await client().chat.completions.parse({
    ...asked,
    messages,
    response_format: { type: 'json_schema', json_schema },
  })
  t.match(parsed.choices[0]?.message.parsed, { colour: /^(red|green)$/, size: Number })
  const free = await client().chat.completions.create({
    ...asked,
    messages,
    max_tokens: 40,
    response_format: { type: 'json_object' },
  })
  t.match(free.choices[0]?.message.content, /^\s*\{/)
  const format = { type: 'json_schema' as const, name: 'thing', schema }
  const response = await client().responses.parse({ model: 'tiny', input: 'Hello', text: { format } })
  obeys(response.output_text)
  const wrong = { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } }
  const refused = await post(
    server,
    '/v1/chat/completions',
    { messages, response_format: wrong },
    {
      authorization: 'Bearer correct horse',
    },
  )
  t.match(refused, { status: 400, body: { error: { code: 'ERR_GRAMMAR', param: 'response_format' } } })
})
