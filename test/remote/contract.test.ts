import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { type ConnectedModel, type GenerationResult, type LanguageModel, LLM, type StreamPart } from '#lib/index.js'
import { createServer } from '#lib/server/index.js'
import { skipWithoutGrammars as skip } from '../llm/constrained.js'
import { loadTiny } from '../llm/fixtures.js'

const messages = [{ role: 'user', content: 'Hello there' }]
const greedy = { temperature: 0, ignoreEos: true } as const

/** The same model twice: in this process, and behind a server of this package. */
async function both(): Promise<{ local: LLM; remote: ConnectedModel } & AsyncDisposable> {
  const local = await loadTiny()
  const server = createServer({ tiny: local }, { apiKeys: ['correct horse'] })
  const { url } = await server.listen({ port: 0 })
  const remote = await LLM.connect(url, { apiKey: 'correct horse' })
  return {
    local,
    remote,
    async [Symbol.asyncDispose]() {
      await remote.close()
      await server.close()
      await local.close()
    },
  }
}

/** What must be the same of both: everything but times and what the cache had. */
function comparable({ timings: _, usage, seed: __, ...result }: GenerationResult): object {
  const { cachedTokens: ___, ...counts } = usage
  return { ...result, usage: counts }
}

/** Each part without what depends on how tokens were bundled. */
async function partsOf(stream: AsyncIterable<StreamPart>) {
  const parts: StreamPart[] = []
  for await (const part of stream) parts.push(part)
  return {
    text: parts.map(({ text }) => text).join(''),
    tokens: parts.flatMap(({ tokens }) => tokens),
    logprobs: parts.flatMap(({ logprobs = [] }) => logprobs),
    types: [...new Set(parts.map(({ type }) => type))],
    indexes: [...new Set(parts.map(({ index }) => index))],
    ids: [...new Set(parts.map(({ requestId }) => requestId))],
  }
}

t.test('a connected model gives the answers of the loaded one', async (t) => {
  await using models = await both()
  const { tokens } = await models.local.tokenize('Hello there')
  const prompts = [messages, 'Hello there', { tokens: [...tokens] }]
  for (const prompt of prompts) {
    const options = { ...greedy, maxNewTokens: 12, requestId: 'same' }
    const [local, remote] = await Promise.all([
      models.local.generate(prompt, options),
      models.remote.generate(prompt, options),
    ])
    t.same(comparable(remote), comparable(local))
    t.equal(remote.tokens.length, 12)
    for (const [name, value] of Object.entries(remote.timings)) t.ok(value >= 0, name)
    t.ok(remote.timings.timePerOutputToken > 0)
    t.same(await partsOf(models.remote.stream(prompt, options)), await partsOf(models.local.stream(prompt, options)))
  }
})

t.test('log-probabilities, several answers, stop words and ends', async (t) => {
  await using models = await both()
  const first = await models.local.generate(messages, { ...greedy, maxNewTokens: 12 })
  const stop = first.text.slice(3, 5)
  const cases = [
    { ...greedy, maxNewTokens: 6, logprobs: 2 },
    { ...greedy, maxNewTokens: 6, logprobs: true },
    { ...greedy, maxNewTokens: 12, stop },
    { ...greedy, maxNewTokens: 12, stopTokenIds: [first.tokens[4] as number] },
    { temperature: 1.5, topK: 0, seed: 7, numReturnSequences: 3, maxNewTokens: 8, ignoreEos: true },
    { temperature: 1, topK: 20, topP: 0.9, minP: 0.01, seed: 3, maxNewTokens: 8, repetitionPenalty: 1.2 },
    { ...greedy, maxNewTokens: 5, logitBias: { [first.tokens[0] as number]: -100 } },
  ]
  for (const options of cases) {
    const [local, remote] = await Promise.all([
      models.local.generate(messages, { ...options, requestId: 'same' }),
      models.remote.generate(messages, { ...options, requestId: 'same' }),
    ])
    t.same(comparable(remote), comparable(local), JSON.stringify(options))
  }
  t.equal((await models.remote.generate(messages, { ...greedy, maxNewTokens: 12, stop })).stoppedBy, stop)
})

t.test('tokens, and the text of tokens', async (t) => {
  await using models = await both()
  for (const prompt of ['Hello there', messages] as const) {
    const { tokens } = await models.local.tokenize(prompt)
    t.same(await models.remote.tokenize(prompt), { tokens })
    t.equal(await models.remote.detokenize(tokens), await models.local.detokenize(tokens))
  }
})

t.test('JSON schemas, and the growing value', { skip }, async (t) => {
  await using models = await both()
  const schema = { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'], additionalProperties: false }
  const options = { temperature: 0, maxNewTokens: 40, responseFormat: { type: 'json_schema', schema } } as const
  const values = async (llm: LanguageModel) => {
    const stream = llm.stream(messages, options)
    const objects: unknown[] = []
    for await (const part of stream) if (part.type === 'object') objects.push(part.object)
    return { last: objects.at(-1), value: (await stream.result).value }
  }
  const local = await values(models.local)
  t.same(await values(models.remote), local)
  t.same(local.last, local.value)
  t.match(local.value, { a: Number })
})

t.test('aborts, timeouts and filters', async (t) => {
  await using models = await both()
  for (const llm of [models.local, models.remote] satisfies LanguageModel[]) {
    const endless = { ...greedy, maxNewTokens: 10_000 }
    const abort = new AbortController()
    const aborted = llm.stream(messages, { ...endless, signal: abort.signal, onText: () => abort.abort('enough') })
    await aborted.result.catch((reason) => t.equal(reason, 'enough'))
    await t.rejects(partsOf(aborted))

    await t.rejects(llm.generate(messages, { ...endless, timeout: 1 }), { code: 'ERR_TIMEOUT', requestId: String })
    const filtered = await llm.generate(messages, { ...endless, filter: () => ({ text: 'no', stop: true }) })
    t.match(filtered, { text: 'no', finishReason: 'content-filter' })
  }
  // The server hears of each client that leaves.
  while (models.local.metrics().activeRequests > 0) await turn()
})

t.test('failures have the same codes', async (t) => {
  await using models = await both()
  for (const llm of [models.remote, models.local] satisfies LanguageModel[]) {
    const failure = async (promise: Promise<unknown>) => await promise.catch((error) => error)
    const long = [{ role: 'user', content: 'x '.repeat(400) }]
    t.match(await failure(llm.generate(long)), { name: 'LLMError', code: 'ERR_CONTEXT_LENGTH' })
    t.match(await failure(llm.generate({ tokens: [1_000_000] })), { name: 'LLMError', code: 'ERR_TOKEN_ID' })
    t.match(await failure(llm.generate(messages, { stopTokenIds: [1_000_000] })), { code: 'ERR_TOKEN_ID' })
    // Only the model's side knows that.
    t.match(await failure(llm.generate(messages, { temperature: 0, numReturnSequences: 2 })), { name: 'TypeError' })
    t.throws(() => llm.stream(messages, { temprature: 1 } as object), { message: /did you mean temperature/ })
    t.throws(() => llm.stream('x', { addGenerationPrompt: true }), { message: /chat messages only/ })
    await llm.close()
    t.match(await failure(llm.generate(messages)), { code: 'ERR_CLOSED' })
  }
})

t.test('many prompts', async (t) => {
  await using models = await both()
  const prompts = Array.from({ length: 20 }, (_, i) => ({ tokens: [10 + i, 20 + i] }))
  const options = { ...greedy, maxNewTokens: 5 }
  const texts = async (llm: LanguageModel) => (await llm.generateAll(prompts, options)).map(({ tokens }) => tokens)
  t.same(await texts(models.remote), await texts(models.local))
})
