import { readFileSync } from 'node:fs'
import t from 'tap'
import { type ConnectedModel, type GenerationOptions, LLM, type StreamPart } from '#lib/index.js'
import { events, fakeServer, json } from './fake-server.js'

const messages = [{ role: 'user', content: 'How is the weather?' }]
const tools = [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }]
const stream = (name: string) => readFileSync(`test/fixtures/remote/${name}.txt`, 'utf8')

/** The servers as their lists of models and their pages tell them. */
const kinds = {
  ovms: { base: '/v3', models: [{ id: 'phi', object: 'model', created: 1, owned_by: 'OVMS' }] },
  localai: { base: '/v1', models: [{ id: 'phi', object: 'model' }] },
  vllm: { base: '/v1', models: [{ id: 'phi', object: 'model', owned_by: 'vllm', max_model_len: 4096 }] },
} as const
const streams = [
  ['ovms', 'ovms', []],
  ['localai', 'localai', []],
  ['vllm', 'vllm', [11, 12, 13, 14, 15, 16, 17]],
  ['vllm', 'vllm-older', []],
] as const

for (const [server, name, tokens] of streams) {
  t.test(`a stream of ${name}, cut anywhere`, async (t) => {
    let size = 1
    const { base, models } = kinds[server]
    await using fake = await fakeServer((response, { path }) => {
      if (path === '/.well-known/localai.json') json(response, server === 'localai' ? 200 : 404, {})
      else events(response, stream(name), size)
    }, models)
    await using llm = await LLM.connect(`${fake.url}${base}`)
    t.match(llm.info, { server, model: 'phi', contextLength: server === 'vllm' ? 4096 : null })
    for (size of [1, 7, 100, 100_000]) {
      const asked = llm.stream(messages, { tools, maxNewTokens: 50 })
      const parts: StreamPart[] = []
      for await (const part of asked) parts.push(part)
      const result = await asked.result
      const call = { name: 'weather', arguments: { city: 'Rome' } }
      t.match(result, {
        text: 'I will look.',
        reasoningText: 'Where? Rome.',
        toolCalls: [call],
        finishReason: 'tool-calls',
        stoppedBy: name === 'vllm' ? 17 : null,
        usage: { promptTokens: 22, completionTokens: 38, totalTokens: 60, cachedTokens: name === 'vllm' ? 16 : 0 },
      })
      t.same(result.tokens, tokens)
      t.same(
        parts.flatMap((part) => part.tokens),
        tokens,
      )
      const order = parts.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1])
      if (tokens.length > 0) order.splice(order.lastIndexOf('text'), 1)
      t.same(order, ['reasoning', 'text', 'tool-call-start', 'tool-call-delta', 'tool-call'])
      t.equal(asked.promptTokens, 22)
    }
    t.match(fake.received.at(-1), {
      path: `${base}/chat/completions`,
      body: {
        model: 'phi',
        messages,
        max_tokens: 50,
        stream: true,
        stream_options: { include_usage: true },
        tools: [{ type: 'function', function: { name: 'weather' } }],
      },
    })
  })
}

/** What servers that ran here have said: the command and the request stand in the files. */
const recorded = {
  models: [
    {
      id: 'smollm2',
      object: 'model',
      created: 1796077316,
      owned_by: 'vllm',
      root: './smollm2-135m',
      max_model_len: 2048,
    },
  ],
  async answers(name: string, ask: (llm: ConnectedModel) => Promise<void>, owner?: string) {
    let size = 1
    const models =
      owner === undefined ? this.models : [{ id: 'smollm2', object: 'model', owned_by: owner, permissions: [] }]
    await using fake = await fakeServer((response) => events(response, stream(name), size), models)
    await using llm = await LLM.connect(fake.url)
    for (size of [1, 50, 100_000]) await ask(llm)
  },
}
const hello = [{ role: 'user', content: 'Say hello.' }]

t.test('a recorded stream of vLLM that a stop word ends, with log-probabilities', async (t) => {
  await recorded.answers('vllm-0.32-stop', async (llm) => {
    t.match(llm.info, { server: 'vllm', model: 'smollm2', contextLength: 2048 })
    const asked = llm.stream(hello, { maxNewTokens: 8, temperature: 0, stop: 'ure', logprobs: 1 })
    let text = ''
    for await (const part of asked) text += part.text
    const result = await asked.result
    t.equal(text, "Hello! I's")
    t.match(result, {
      text: "Hello! I's",
      finishReason: 'stop',
      stoppedBy: 'ure',
      usage: { promptTokens: 33, completionTokens: 5, totalTokens: 38, cachedTokens: 0 },
    })
    t.same(result.tokens, [19556, 17, 339, 506, 424])
    t.same(
      result.logprobs?.map((one) => [one.token, one.text]),
      [
        [19556, 'Hello'],
        [17, '!'],
        [339, ' I'],
        [506, "'s"],
        [424, 'ure'],
      ],
    )
    t.same(result.logprobs?.[0]?.topLogprobs.length, 1)
  })
})

t.test('a recorded stream of two answers of vLLM, and one of a text', async (t) => {
  await recorded.answers('vllm-0.32-two', async (llm) => {
    const { answers, usage } = await llm.generate(hello, { maxNewTokens: 3, temperature: 1, numReturnSequences: 2 })
    t.match(answers, [
      { text: 'Hello, welcome', finishReason: 'length' },
      { text: 'Welcome to the', finishReason: 'length' },
    ])
    t.same(
      answers.map(({ tokens }) => [...tokens]),
      [
        [19556, 28, 10668],
        [9085, 288, 260],
      ],
    )
    t.match(usage, { promptTokens: 33, completionTokens: 6 })
  })
  await recorded.answers('vllm-0.32-text', async (llm) => {
    const result = await llm.generate('The capital of France is', { maxNewTokens: 6, temperature: 0 })
    t.match(result, { finishReason: 'length', usage: { promptTokens: 5, completionTokens: 6 } })
    t.match(result.text, /^ Paris\./)
    t.equal(result.tokens.length, 6)
  })
})

t.test('a prompt that is too long for vLLM, in its own words', async (t) => {
  const body = JSON.parse(readFileSync('test/fixtures/remote/vllm-0.32-too-long.json', 'utf8'))
  await using fake = await fakeServer((response) => json(response, 400, body), recorded.models)
  await using llm = await LLM.connect(fake.url)
  await t.rejects(llm.generate('hello'), { code: 'ERR_CONTEXT_LENGTH', message: /maximum context length is 2048/ })
})

t.test("a recorded stream of llama.cpp's server in Python, which counts no tokens", async (t) => {
  const ask = async (llm: ConnectedModel) => {
    t.match(llm.info, { server: 'openai', contextLength: null })
    const result = await llm.generate(hello, { maxNewTokens: 8, temperature: 0, stop: 'ure' })
    t.match(result, { text: "Hello! I's", finishReason: 'stop', stoppedBy: null })
    t.same(result.tokens, [])
  }
  await recorded.answers('llama-cpp-python', ask, 'me')
})

t.test('an error in the middle of a stream, as each writes it', async (t) => {
  const cases = [
    ['ovms', /CalculatorGraph/],
    ['localai', /error reading from server/],
  ] as const
  for (const [server, message] of cases) {
    const { base, models } = kinds[server]
    await using fake = await fakeServer((response) => events(response, stream(`${server}-error`), 5), models)
    await using llm = await LLM.connect(`${fake.url}${base}`, { server })
    const asked = llm.stream(messages)
    let text = ''
    const read = async () => {
      for await (const part of asked) text += part.text
    }
    await t.rejects(read(), { name: 'LLMError', code: 'ERR_ENGINE', message })
    t.equal(text, 'I will')
  }
})

t.test('options are the fields of each server, or a TypeError that names them', async (t) => {
  const sent = async (server: 'openvino-llm' | 'ovms' | 'localai' | 'vllm' | 'openai', options: GenerationOptions) => {
    const answer = { choices: [{ index: 0, message: { content: 'x' }, finish_reason: 'stop' }] }
    await using fake = await fakeServer((response) => json(response, 200, answer))
    await using llm = await LLM.connect(fake.url, { server })
    await llm.generate(messages, options as object)
    return fake.received.at(-1)?.body
  }
  t.match(await sent('vllm', { topK: 0, continueFinalMessage: true, repetitionPenalty: 1.1, stopTokenIds: [5] }), {
    top_k: -1,
    continue_final_message: true,
    add_generation_prompt: false,
    repetition_penalty: 1.1,
    stop_token_ids: [5],
    return_token_ids: true,
  })
  t.match(await sent('localai', { topK: 0, repetitionPenalty: 1.1, typicalP: 0.9 }), {
    top_k: 0,
    repeat_penalty: 1.1,
    typical_p: 0.9,
  })
  // What it could not stream rightly comes as a whole.
  t.match(await sent('ovms', { stop: 'a' }), { stop: 'a', stream: false, stream_options: undefined })
  t.match(await sent('ovms', { logprobs: true }), { logprobs: true, stream: false })
  t.match(await sent('localai', { numReturnSequences: 1 }), { stream: true })
  t.match(await sent('openai', { logprobs: 3, reasoning: 'off', logitBias: [[7, -5]] }), {
    logprobs: true,
    top_logprobs: 3,
    reasoning_effort: 'none',
    logit_bias: { 7: -5 },
  })
  const schema = { type: 'object' }
  t.match(await sent('openai', { toolChoice: { name: 'weather' }, tools }), {
    tool_choice: { type: 'function', function: { name: 'weather' } },
  })
  t.equal((await sent('openai', { toolChoice: 'none', tools }))?.['tools'], undefined, 'hidden tools are not sent')
  t.match(await sent('openai', { responseFormat: { type: 'json_schema', schema } }).catch((error) => error), {
    code: 'ERR_INVALID_VALUE',
  })
  const refused: [Parameters<typeof sent>[0], GenerationOptions, RegExp][] = [
    ['openai', { topK: 5 }, /option topK cannot be sent: OpenAI's API has nothing like it/],
    ['ovms', { numReturnSequences: 2 }, /numReturnSequences .*OpenVINO Model Server/],
    ['ovms', { logprobs: 2 }, /option logprobs cannot be sent to OpenVINO Model Server of other tokens/],
    ['localai', { parallelToolCalls: false }, /parallelToolCalls .*LocalAI/],
    ['vllm', { priority: 1 }, /priority .*vLLM/],
    ['openvino-llm', { numBeams: 2 }, /option numBeams cannot be sent/],
    ['openvino-llm', { promptLookup: true }, /promptLookup/],
    ['openvino-llm', { reasoning: { budget: 5 } }, /reasoning .*with a budget/],
    ['openvino-llm', { logitBias: [['word', 5]] }, /logitBias .*single token ids/],
    ['openvino-llm', { responseFormat: { type: 'regex', pattern: 'a' } }, /responseFormat .*of type 'regex'/],
  ]
  for (const [server, options, message] of refused) {
    await t.rejects(sent(server, options), { name: 'TypeError', message }, `${server} ${JSON.stringify(options)}`)
  }
})

t.test('tokens, in the words of each server', async (t) => {
  const asked = async (server: keyof typeof kinds) => {
    await using fake = await fakeServer((response, { path }) => {
      json(response, 200, path.endsWith('/detokenize') ? { content: 'Hi', prompt: 'Hi' } : { tokens: [1, 2] })
    })
    await using llm = await LLM.connect(`${fake.url}${kinds[server].base}`, { server })
    t.same(await llm.tokenize('Hi'), { tokens: Int32Array.of(1, 2) })
    if (server !== 'ovms') t.equal(await llm.detokenize([1, 2]), 'Hi')
    else await t.rejects(llm.detokenize([1, 2]), { name: 'TypeError', message: /OpenVINO Model Server/ })
    if (server === 'vllm') await llm.tokenize(messages, { addGenerationPrompt: false })
    else await t.rejects(llm.tokenize(messages), { name: 'TypeError', message: /chat messages/ })
    return fake.received.slice(1).map(({ path, body }) => ({ path, body }))
  }
  t.same(await asked('ovms'), [{ path: '/v3/tokenize', body: { model: 'phi', text: 'Hi' } }])
  t.same(await asked('localai'), [
    { path: '/v1/tokenize', body: { model: 'phi', content: 'Hi' } },
    { path: '/v1/detokenize', body: { model: 'phi', tokens: [1, 2] } },
  ])
  t.same(await asked('vllm'), [
    { path: '/tokenize', body: { model: 'phi', prompt: 'Hi' } },
    { path: '/detokenize', body: { model: 'phi', tokens: [1, 2] } },
    { path: '/tokenize', body: { model: 'phi', messages, add_generation_prompt: false } },
  ])
})
