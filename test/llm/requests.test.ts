import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LLM, type LLMError, type ModelWarning } from '#lib/index.js'
import { readFolder } from '#lib/model/folder.js'
import { makeVerdict, writeVerdict } from '#lib/model/verdict.js'
import { exact, loadTiny, tiny } from './fixtures.js'

const greedy = { temperature: 0, ignoreEos: true } as const
const prompt = { tokens: [10, 20, 30] }

t.test('maxQueue: further requests reject, until others have ended', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { maxSequences: 2, maxQueue: 1 })
  const controller = new AbortController()
  const endless = { ...greedy, signal: controller.signal }
  const running = [1, 2, 3].map(() => llm.generate(prompt, endless))
  t.equal(llm.metrics().activeRequests, 3)
  await t.rejects(llm.generate(prompt), { name: 'LLMError', code: 'ERR_QUEUE_FULL', message: /maxQueue/ })
  await t.rejects(llm.warm(prompt), { code: 'ERR_QUEUE_FULL' })
  const { result } = llm.stream(prompt)
  await t.rejects(result, { code: 'ERR_QUEUE_FULL' }, 'a stream does not throw')
  t.equal(llm.metrics().activeRequests, 3, 'who was refused does not count')
  controller.abort(new Error('enough'))
  for (const request of running) await t.rejects(request, /enough/)
  t.equal(llm.metrics().activeRequests, 0)
  t.equal((await llm.generate(prompt, { ...greedy, maxNewTokens: 2 })).tokens.length, 2)

  await using strict = await loadTiny('tiny-llama-fp32', { maxSequences: 1, maxQueue: 0 })
  const one = strict.generate(prompt, { ...greedy, maxNewTokens: 5 })
  await t.rejects(strict.generate(prompt), { code: 'ERR_QUEUE_FULL' })
  await one
})

t.test('timeout: the request rejects with its caller in the stack, and the others go on', async (t) => {
  await using llm = await loadTiny('tiny-phi3-sw16-fp32')
  const other = llm.generate(prompt, { ...greedy, maxNewTokens: 30 })
  const error: LLMError = await llm.generate(prompt, { ...greedy, timeout: 1 }).catch((reason) => reason)
  t.match(error, { code: 'ERR_TIMEOUT', message: /1 ms/ })
  t.match(error.stack, /requests\.test/)
  t.equal((await other).tokens.length, 30)
  const { tokens } = await llm.generate(prompt, { ...greedy, maxNewTokens: 3, timeout: 600_000 })
  t.equal(tokens.length, 3)
})

t.test('parts say which answer they belong to', async (t) => {
  await using llm = await loadTiny()
  const heard: string[] = ['', '', '']
  const onText = (text: string, index: number) => {
    heard[index] += text
  }
  const options = { temperature: 1, seed: 1, ignoreEos: true, maxNewTokens: 12, numReturnSequences: 3, onText }
  const stream = llm.stream(prompt, options)
  const texts = ['', '', '']
  const tokens: number[][] = [[], [], []]
  for await (const part of stream) {
    texts[part.index] += part.text
    tokens[part.index]?.push(...part.tokens)
  }
  const { answers } = await stream.result
  t.same(
    answers.map(({ text }) => text),
    texts,
  )
  t.same(
    answers.map((answer) => answer.tokens),
    tokens,
  )
  t.same(heard, texts)
  t.equal(new Set(texts).size, 3)
  t.throws(() => llm.stream(prompt, { numReturnSequences: 2 }), { name: 'TypeError', message: /greedy/ })
})

t.test('several answers on the stateful engine are the same ones', async (t) => {
  const options = { temperature: 1, seed: 3, ignoreEos: true, maxNewTokens: 12, numReturnSequences: 3 }
  await using paged = await loadTiny()
  await using stateful = await loadTiny('tiny-llama-fp32', { engine: 'stateful' })
  t.same((await stateful.generate(prompt, options)).answers, (await paged.generate(prompt, options)).answers)
})

t.test('warm: what it computed is found by the requests that begin so', async (t) => {
  await using llm = await loadTiny()
  await using cold = await loadTiny()
  const system = { role: 'system', content: 'Be brief, and answer as if the reader knew nothing of the matter.' }
  const messages = [system, { role: 'user', content: 'Why?' }]
  const options = { ...greedy, maxNewTokens: 10 }
  const expected = await cold.generate(messages, options)
  const warmed = await llm.warm([system])
  t.same([warmed.cachedTokens, warmed.promptTokens > 30], [0, true])
  const { tokens: open } = await llm.tokenize([system], { addGenerationPrompt: false })
  t.equal(warmed.promptTokens, open.length, 'no answer is begun')
  t.not(open.length, (await llm.tokenize([system])).tokens.length)
  for (const value of Object.values(warmed.timings)) t.ok(value >= 0)
  const { usage, tokens } = await llm.generate(messages, options)
  t.ok(usage.cachedTokens >= warmed.promptTokens - 2, `${usage.cachedTokens} of ${warmed.promptTokens}`)
  t.same(tokens, expected.tokens)
  await t.rejects(llm.warm(''), { name: 'TypeError', message: /encodes to none/ })
  await t.rejects(llm.warm(prompt, { tools: [] }), /tools applies to chat messages only/)
  await t.rejects(llm.warm(prompt, { maxNewTokens: 1 } as object), /unknown option maxNewTokens/)

  await using stateful = await loadTiny('tiny-llama-fp32', { engine: 'stateful' })
  const { tokens: encoded } = await llm.tokenize(messages)
  await stateful.warm({ tokens: encoded.subarray(0, 30) })
  const answer = await stateful.generate({ tokens: encoded }, options)
  t.same([answer.usage.cachedTokens, answer.tokens], [30, expected.tokens])
})

t.test('warm takes a prompt as long as the context', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { contextLength: 40 })
  const tokens = Array.from({ length: 40 }, (_, i) => i + 10)
  t.equal((await llm.warm({ tokens })).promptTokens, 40)
  await t.rejects(llm.warm({ tokens: [...tokens, 9] }), { code: 'ERR_CONTEXT_LENGTH' })
})

t.test('generateAll: the answers of each alone, in order, and bounded', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { maxSequences: 4 })
  const prompts = Array.from({ length: 12 }, (_, i) => ({
    tokens: Array.from({ length: 1 + i }, (_, j) => 10 + i + j),
  }))
  const options = { ...greedy, maxNewTokens: 8 }
  let most = 0
  const onProgress = () => {
    most = Math.max(most, llm.metrics().activeRequests)
  }
  const answers = await llm.generateAll(prompts, { ...options, concurrency: 3, onProgress })
  t.ok(most <= 3, `${most} at once`)
  for (const [i, one] of prompts.entries()) t.same(answers[i]?.tokens, (await llm.generate(one, options)).tokens)
  async function* later() {
    yield* prompts
  }
  t.same(
    (await llm.generateAll(later(), options)).map(({ tokens }) => tokens),
    answers.map(({ tokens }) => tokens),
  )
  await t.rejects(llm.generateAll([prompt, { tokens: [9999] }], greedy), { code: 'ERR_TOKEN_ID' })
  const failed = await llm.generateAll([prompt, 5 as never], { ...options, stopOnError: false }).catch((error) => error)
  t.match(failed, { errors: [{ name: 'TypeError' }] })
  const reason = new Error('enough')
  const controller = new AbortController()
  const all = llm.generateAll(prompts, { ...greedy, signal: controller.signal })
  await turn()
  controller.abort(reason)
  await t.rejects(all, reason)
  t.equal(llm.metrics().activeRequests, 0)
})

t.test('metrics add up', async (t) => {
  await using llm = await loadTiny()
  const begin = Array.from({ length: 40 }, (_, i) => i + 10)
  await llm.generate({ tokens: begin }, { ...greedy, maxNewTokens: 5 })
  const { usage } = await llm.generate({ tokens: [...begin, 5, 6] }, { ...greedy, maxNewTokens: 5 })
  while (llm.metrics().generatedTokens < 10) await turn()
  t.match(llm.metrics(), {
    activeRequests: 0,
    running: 0,
    waiting: 0,
    promptTokens: 82,
    generatedTokens: 10,
    cachedTokens: usage.cachedTokens,
    prefixHits: 1,
    blocks: llm.info.kvCache.tokens / llm.info.kvCache.blockTokens,
  })
  t.equal(usage.cachedTokens, 40)
  t.ok(llm.metrics().blocksCached > 0)
  await llm.close()
  t.throws(() => llm.metrics(), { code: 'ERR_CLOSED' })
})

t.test('diagnostics_channel: start, first token, end or error of each request', async (t) => {
  const names = ['start', 'first-token', 'end', 'error'].map((name) => `openvino-llm:request:${name}`)
  const seen: [string, Record<string, unknown>][] = []
  const listen = (message: unknown, name: string | symbol) =>
    void seen.push([String(name).replace('openvino-llm:request:', ''), message as Record<string, unknown>])
  for (const name of names) subscribe(name, listen)
  t.teardown(() => names.forEach((name) => void unsubscribe(name, listen)))

  await using llm = await loadTiny()
  const { usage, timings } = await llm.generate('Hello', { ...greedy, maxNewTokens: 3, priority: 2 })
  t.match(seen, [
    ['start', { model: llm.info.folder, prompt: 'text', answers: 1, priority: 2 }],
    ['first-token', {}],
    ['end', { finishReasons: ['length'], usage, timings }],
  ])
  t.equal(new Set(seen.map(([, { id }]) => id)).size, 1)
  t.ok((seen[1]?.[1].elapsed as number) <= (seen[2]?.[1].elapsed as number))
  seen.length = 0
  const reason = new Error('enough')
  await t.rejects(llm.generate(prompt, { signal: AbortSignal.abort(reason) }), reason)
  t.match(seen, [
    ['start', { prompt: 'tokens' }],
    ['error', { error: reason }],
  ])
  seen.length = 0
  await llm.warm(prompt)
  t.match(seen, [
    ['start', { answers: 0 }],
    ['end', { usage: { completionTokens: 0 } }],
  ])
  for (const name of names) unsubscribe(name, listen)
  seen.length = 0
  await llm.generate(prompt, { maxNewTokens: 1 })
  t.same(seen, [])
})

t.test('the engine: what was asked for, what a stored verdict says, and why', async (t) => {
  await using stateful = await loadTiny('tiny-llama-fp32', { engine: 'stateful' })
  t.match(stateful.info, { runner: 'stateful', maxSequences: 16, batching: 'all', batchingReason: '' })
  t.match(stateful.info, { canDraft: false, canFork: true, kvCache: { tokens: 0, bytes: 0 } })
  await using paged = await loadTiny('tiny-llama-fp32', { engine: 'paged', maxSequences: 3 })
  t.match(paged.info, { runner: 'paged', maxSequences: 3, canDraft: true, canFork: true })

  const folder = join(t.testdir(), 'model')
  cpSync(tiny('tiny-llama-fp32'), folder, { recursive: true })
  const { openvino } = paged.info.versions
  await writeVerdict(
    folder,
    await makeVerdict(folder, { faithful: false, reason: 'logits differ', lengths: [] }, openvino),
  )
  const warnings: ModelWarning[] = []
  const options = { ovConfig: exact, onWarning: (warning: ModelWarning) => void warnings.push(warning) }
  await using doubted = await LLM.load(folder, options)
  t.match(doubted.info, { runner: 'stateful', runnerReason: /logits differ/, verdict: { faithful: false } })
  t.same(warnings, [])
  await using insisted = await LLM.load(folder, { ...options, engine: 'paged' })
  t.equal(insisted.info.runner, 'paged')
  t.match(warnings, [{ code: 'unfaithful-model', message: /logits differ/ }])
  await writeVerdict(
    folder,
    await makeVerdict(folder, { faithful: false, reason: 'logits differ', lengths: [] }, 'another'),
  )
  await using outdated = await LLM.load(folder, options)
  t.match(outdated.info, { runner: 'stateful', runnerReason: /check again/, verdict: null })
  t.equal((await readFolder(folder)).verdict?.openvino, 'another')
})

t.test('promptLookup where nothing can be taken back is ignored, with one warning', async (t) => {
  const warnings: ModelWarning[] = []
  const onWarning = (warning: ModelWarning) => void warnings.push(warning)
  await using llm = await loadTiny('tiny-llama-fp32', { engine: 'stateful', onWarning })
  const options = { ...greedy, maxNewTokens: 10 }
  const plain = await llm.generate(prompt, options)
  for (let i = 0; i < 2; i++)
    t.same((await llm.generate(prompt, { ...options, promptLookup: true })).tokens, plain.tokens)
  t.match(warnings, [{ code: 'prompt-lookup' }])
  t.equal(warnings.length, 1)
})

t.test('the KV cache: bytes, precision and what they allow', async (t) => {
  await using half = await loadTiny('tiny-llama-fp32', { kvCacheBytes: 64 * 1024 })
  t.match(half.info, { contextLength: 128, contextReason: /kvCacheBytes/, kvCache: { tokens: 128, bytes: 65_536 } })
  const full = await half.generate(prompt, greedy)
  t.equal(full.usage.totalTokens, 128)
  await t.rejects(half.generate({ tokens: Array(128).fill(9) }), { code: 'ERR_CONTEXT_LENGTH' })
  await t.rejects(loadTiny('tiny-llama-fp32', { kvCacheBytes: 64 * 1024, contextLength: 200 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /kvCacheBytes/,
  })
  await t.rejects(loadTiny('tiny-llama-fp32', { kvCacheBytes: 1 }), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /kvCacheBytes/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama-fp32'), { ovConfig: exact, kvCachePrecision: 'u8' }), {
    name: 'TypeError',
    message: /kvCachePrecision/,
  })
  for (const kvCachePrecision of ['u8', 'u4', 'f16', 'f32'] as const) {
    await using llm = await LLM.load(tiny('tiny-llama-fp32'), { kvCachePrecision, onWarning: () => {} })
    // A CPU that computes in bf16 keeps 16-bit keys and values in bf16, and there a warning says so.
    const kept = kvCachePrecision === 'f16' && llm.info.precision.inference === 'bf16' ? 'bf16' : kvCachePrecision
    t.equal(llm.info.kvCache.precision, kept)
    t.equal((await llm.generate(prompt, { ...greedy, maxNewTokens: 5 })).tokens.length, 5, kvCachePrecision)
  }
})

t.test('a draft model guesses; it must have the vocabulary of the model, and the paged engine', async (t) => {
  // The same weights in four bits.
  const draftModel = tiny('tiny-llama')
  await using llm = await loadTiny('tiny-llama-fp32', { draftModel })
  await using plain = await loadTiny()
  t.equal(llm.info.draftModel, draftModel)
  const options = { ...greedy, maxNewTokens: 40 }
  const { tokens, usage } = await llm.generate(prompt, options)
  t.same(tokens, (await plain.generate(prompt, options)).tokens)
  t.ok(usage.acceptedTokens <= usage.draftTokens, `${usage.acceptedTokens} of ${usage.draftTokens}`)
  // What it guesses is held to the same rules as what is drawn.
  for (const rules of [
    { repetitionPenalty: 1.3 },
    { presencePenalty: 1, frequencyPenalty: 0.5 },
    { noRepeatNgramSize: 1 },
    { badWordsIds: [tokens.slice(2, 4), tokens.slice(5, 6)] },
    { suppressTokens: tokens.slice(0, 3), logitBias: [[tokens[7] ?? 0, 5]] as const },
    { minNewTokens: 30, repetitionPenalty: 1.1, ignoreEos: false },
  ]) {
    const asked = { ...options, ...rules }
    const { tokens: found } = await llm.generate(prompt, asked)
    t.same(found, (await plain.generate(prompt, asked)).tokens, JSON.stringify(rules))
    t.notSame(found, tokens, `${JSON.stringify(rules)} changes the answer`)
  }

  const folder = join(t.testdir(), 'draft')
  cpSync(tiny('tiny-llama-fp32'), folder, { recursive: true })
  const path = join(folder, 'tokenizer.json')
  const { default: tokenizer } = await import(`file://${path}`, { with: { type: 'json' } })
  const [first, second] = Object.keys(tokenizer.model.vocab).slice(-2) as [string, string]
  const { vocab } = tokenizer.model
  ;[vocab[first], vocab[second]] = [vocab[second], vocab[first]]
  writeFileSync(path, JSON.stringify(tokenizer))
  await t.rejects(loadTiny('tiny-llama-fp32', { draftModel: folder }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /draftModel: .*tokenizer\.json.*token \d+ is another one/,
  })
  await t.rejects(loadTiny('tiny-llama-fp32', { draftModel: tiny('no-such') }), { code: 'ERR_MODEL_NOT_FOUND' })
  await t.rejects(loadTiny('tiny-llama-fp32', { draftModel: tiny('tiny-llama-fp32'), engine: 'stateful' }), TypeError)
})

t.test('requestId goes through parts, results, errors and diagnostics', async (t) => {
  await using llm = await loadTiny()
  const seen: unknown[] = []
  const hear = (message: unknown) => void seen.push((message as { requestId: string }).requestId)
  const channels = ['start', 'first-token', 'end', 'error'].map((name) => `openvino-llm:request:${name}`)
  for (const channel of channels) subscribe(channel, hear)
  t.teardown(() => {
    for (const channel of channels) unsubscribe(channel, hear)
  })

  const stream = llm.stream(prompt, { ...greedy, maxNewTokens: 3, requestId: 'order 7' })
  t.equal(stream.requestId, 'order 7')
  for await (const { requestId } of stream) t.equal(requestId, 'order 7')
  t.equal((await stream.result).requestId, 'order 7')
  t.equal((await llm.warm(prompt, { requestId: 'order 8' })).requestId, 'order 8')
  const tooLong = { tokens: Array.from({ length: 300 }, () => 10) }
  await t.rejects(llm.generate(tooLong, { requestId: 'order 9' }), { code: 'ERR_CONTEXT_LENGTH', requestId: 'order 9' })
  t.same(seen, ['order 7', 'order 7', 'order 7', 'order 8', 'order 8', 'order 9', 'order 9'])

  const made = await Promise.all([1, 2].map(() => llm.generate(prompt, { maxNewTokens: 1 })))
  t.equal(new Set(made.map(({ requestId }) => requestId)).size, 2)
  t.match(made[0]?.requestId, /^[0-9a-f-]{36}$/)
  for (const requestId of ['', 'a\nb', 'x'.repeat(257), 5])
    t.throws(() => llm.stream(prompt, { requestId } as object), { name: 'TypeError', message: /requestId/ })
})

t.test('a filter among the defaults of a load filters every request, and a request may have another one', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { defaults: { filter: () => '*', maxNewTokens: 8, ...greedy } })
  const text = /^\*+$/
  t.match((await llm.generate(prompt)).text, text)
  for (const result of await llm.generateAll([prompt, prompt])) t.match(result.text, text)
  t.notMatch((await llm.generate(prompt, { filter: () => {} })).text, text)
  for (const name of ['requestId', 'signal', 'onText', 'onToken'])
    await t.rejects(LLM.load(tiny('tiny-llama'), { defaults: { [name]: 'x' } as object }), {
      name: 'TypeError',
      message: new RegExp(`unknown option ${name} in defaults`),
    })
})
