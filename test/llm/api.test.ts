import t from 'tap'
import { type ChatMessage, LLM, type ModelWarning } from '#lib/index.js'
import { exact, loadTiny, tiny } from './fixtures.js'

const user = (content: string): ChatMessage => ({ role: 'user', content })
const greedy = { temperature: 0, ignoreEos: true } as const

t.test('stream, generate and tokenize see the same prompt and give the same answer', async (t) => {
  await using llm = await loadTiny()
  const messages = [user('Hello there')]
  const encoded = await llm.tokenize(messages)
  const options = { ...greedy, maxNewTokens: 24 }
  const stream = llm.stream(messages, options)
  let text = ''
  const tokens: number[] = []
  for await (const part of stream) {
    text += part.text
    tokens.push(...part.tokens)
  }
  const result = await stream.result
  t.equal(text, result.text)
  t.same(tokens, result.tokens)
  t.equal(result.usage.promptTokens, encoded.tokens.length)
  const again = await llm.generate(encoded, options)
  t.same(again.tokens, result.tokens)
  t.equal(await llm.detokenize(result.tokens, { skipSpecialTokens: true }), result.text)
})

t.test('misuse is a TypeError at once, in words', async (t) => {
  await using llm = await loadTiny()
  const wrong: [unknown, object, RegExp][] = [
    ['x', { temperature: 'hot' }, /expected temperature to be a number ≥ 0, received 'hot' of type string/],
    ['x', { temperature: -1 }, /expected temperature to be a number ≥ 0, received -1 of type number/],
    ['x', { temperature: Number.NaN }, /temperature/],
    ['x', { topP: 0 }, /topP/],
    ['x', { topK: 1.5 }, /topK/],
    ['x', { seed: -1 }, /seed/],
    ['x', { maxNewTokens: 0 }, /maxNewTokens/],
    ['x', { maxNewToken: 5 }, /unknown option maxNewToken .*did you mean maxNewTokens\?/],
    ['x', { max_new_tokens: 5 }, /did you mean maxNewTokens\?/],
    ['x', { stop: [''] }, /stop word/],
    ['x', { stop: 5 }, /stop/],
    ['x', { stopTokenIds: [1.5] }, /stopTokenIds/],
    ['x', { signal: {} }, /signal/],
    ['x', { onText: 'yes' }, /onText/],
    ['x', { doSample: true, temperature: 0 }, /temperature/],
    ['x', { tools: [] }, /tools applies to chat messages only/],
    ['x', { contextOverflow: 'drop-oldest' }, /contextOverflow applies to chat messages only/],
    ['x', 5 as never, /GenerationOptions/],
    [5, {}, /expected prompt to be a string/],
    [undefined, {}, /prompt/],
    [[], {}, /at least one chat message/],
    [[5], {}, /messages\[0\]/],
    [[{ role: 5 }], {}, /messages\[0\]\.role/],
    [[{ role: 'user', content: 5 }], {}, /messages\[0\]\.content/],
    [[{ role: 'user', content: 'x', f: () => {} }], {}, /plain data/],
    [{ tokens: [] }, {}, /at least one token/],
    [{ tokens: [1.5] }, {}, /tokens\[0\]/],
    [{ tokens: 'abc' }, {}, /tokens/],
  ]
  for (const [prompt, options, message] of wrong) {
    let thrown: unknown
    try {
      const { result } = llm.stream(prompt as string, options)
      thrown = await result.catch((error) => error)
    } catch (error) {
      thrown = error
    }
    t.match(thrown, { name: 'TypeError', message }, message.source)
  }
  t.throws(() => llm.stream({ tokens: [512] }), { code: 'ERR_TOKEN_ID', message: /0 to 511, found 512/ })
  t.throws(() => llm.stream({ tokens: [3, -1] }), { code: 'ERR_TOKEN_ID', message: /tokens\[1\]/ })
  await t.rejects(llm.generate('x', { stopTokenIds: [512] }), { code: 'ERR_TOKEN_ID', message: /stopTokenIds/ })
  await t.rejects(llm.detokenize([512]), { code: 'ERR_TOKEN_ID' })
  await t.rejects(llm.generate(''), { message: /encodes to none/ })
  t.equal((await llm.generate({ tokens: [10] }, { maxNewTokens: 1 })).tokens.length, 1, 'and it still works')
})

t.test('wrong load options and models', async (t) => {
  await t.rejects(LLM.load(tiny('tiny-llama'), { devise: 'CPU' } as object), {
    name: 'TypeError',
    message: /did you mean device\?/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama'), { defaults: { tempature: 1 } as object }), {
    message: /did you mean temperature\?/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama'), { device: 'TPU' }), { code: 'ERR_DEVICE', message: /TPU/ })
  await t.rejects(LLM.load(tiny('tiny-llama'), { device: 'GPU.7' }), {
    code: 'ERR_DEVICE',
    message: /GPU\.7 is not present; OpenVINO sees CPU/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama'), { device: 'NPU' }), { code: /ERR_(DEVICE|UNSUPPORTED_MODEL)/ })
  await t.rejects(LLM.load(tiny('tiny-llama'), { ovConfig: { KV_CACHE_PRECISSION: 'u8' } }), {
    code: 'ERR_PROPERTY',
    message: /KV_CACHE_PRECISSION/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama'), { ovConfig: { 'A=B': 1 } }), { name: 'TypeError' })
  await t.rejects(LLM.load(tiny('tiny-llama'), { contextLength: 100000 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /at most 256/,
  })
  await t.rejects(LLM.load(tiny('no-such-model')), { code: 'ERR_MODEL_NOT_FOUND', message: /no-such-model/ })
})

t.test('info says what was loaded', async (t) => {
  await using llm = await loadTiny('tiny-phi3')
  const { info } = llm
  t.match(info, {
    modelType: 'phi3',
    vocabularySize: 512,
    device: 'CPU',
    devices: ['CPU'],
    runner: 'paged',
    runnerReason: /paged/,
    maxSequences: 16,
    batching: 'all',
    batchingReason: '',
    canDraft: true,
    canFork: true,
    chat: { reasoning: 'none', toolCalls: null },
    kvCache: { tokens: 4 * 4096, blockTokens: 32, precision: 'f32' },
    verdict: null,
    draftModel: '',
    precision: { inference: 'f32', kvCache: 'f32' },
    exporter: { 'nncf/weight_compression/mode': 'int4_asym', 'optimum/transformers_version': /^\d/ },
    versions: { package: /^\d/, openvino: /^2026\.4\.1/, node: process.versions.node },
    stopTokenIds: [3, 6],
    stopWords: ['<|endoftext|>', '<|end|>'],
  })
  t.ok(info.memory.weights > 100_000)
  t.ok(info.memory.resident > 1_000_000)
})

t.test('the end tokens of the model end an answer; ignoreEos goes on', async (t) => {
  await using llm = await loadTiny()
  const { tokens } = await llm.generate({ tokens: [10, 20] }, { ...greedy, maxNewTokens: 30 })
  const end = tokens[7] as number
  const first = tokens.indexOf(end)
  const stopped = await llm.generate({ tokens: [10, 20] }, { ...greedy, maxNewTokens: 30, stopTokenIds: [end] })
  t.same([stopped.tokens, stopped.finishReason], [tokens.slice(0, first + 1), 'stop'])
  t.same(stopped.usage.completionTokens, first + 1)
})

t.test('stop words: never in the text, and the next chat turn is right although decoding ran past', async (t) => {
  await using llm = await loadTiny()
  const { text } = await llm.generate([user('Hi')], { ...greedy, maxNewTokens: 60 })
  const word = text.slice(10, 13)
  const cut = await llm.generate([user('Hi')], { ...greedy, maxNewTokens: 60, stop: word })
  t.equal(cut.text, text.slice(0, text.indexOf(word)))
  t.equal(cut.finishReason, 'stop')
  const next = [user('Hi'), { role: 'assistant', content: cut.text }, user('And then?')]
  const warm = await llm.generate(next, { ...greedy, maxNewTokens: 20 })
  await using fresh = await loadTiny()
  const cold = await fresh.generate(next, { ...greedy, maxNewTokens: 20 })
  t.same(warm.tokens, cold.tokens)
  t.equal(cold.usage.cachedTokens, 0)
})

t.test('the next chat turn re-uses what the state holds', async (t) => {
  await using llm = await loadTiny()
  const { tokens: prompt } = await llm.tokenize([user('Hi')])
  const first = await llm.generate({ tokens: prompt }, { ...greedy, maxNewTokens: 10 })
  const longer = [...prompt, ...first.tokens, 20, 21, 22]
  const second = await llm.generate({ tokens: longer }, { ...greedy, maxNewTokens: 10 })
  t.equal(second.usage.cachedTokens, prompt.length + 9, 'all but the last token, which was never computed')
  await using fresh = await loadTiny()
  t.same((await fresh.generate({ tokens: longer }, { ...greedy, maxNewTokens: 10 })).tokens, second.tokens)
})

t.test('context: the default goes on until it is full; what cannot fit fails before it runs', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { contextLength: 40 })
  t.match(llm.info, { contextLength: 40, contextReason: /contextLength/ })
  const full = await llm.generate({ tokens: [10, 20, 30] }, greedy)
  t.same([full.finishReason, full.usage.totalTokens], ['length', 40])
  const long = await llm.generate({ tokens: [10, 20, 30] }, { ...greedy, maxNewTokens: 1000 })
  t.equal(long.usage.totalTokens, 40)
  t.equal((await llm.generate({ tokens: Array(39).fill(9) }, greedy)).tokens.length, 1)
  await t.rejects(llm.generate({ tokens: Array(40).fill(9) }), { code: 'ERR_CONTEXT_LENGTH', message: /40 tokens/ })
})

t.test('contextOverflow drop-oldest: whole messages go, the system message stays', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { contextLength: 96 })
  const system: ChatMessage = { role: 'system', content: 'Be brief.' }
  const turns = Array.from({ length: 6 }, (_, i) => [
    user(`Question number ${i}`),
    { role: 'assistant', content: `Answer ${i}` },
  ]).flat()
  const messages = [system, ...turns, user('The last question')]
  await t.rejects(llm.generate(messages, greedy), { code: 'ERR_CONTEXT_LENGTH' })
  const options = { ...greedy, contextOverflow: 'drop-oldest', maxNewTokens: 8 } as const
  const { usage, tokens } = await llm.generate(messages, options)
  t.ok(usage.promptTokens <= 88)
  const kept = [1, 3, 5, 7, 9, 11, 13].map((first) => [system, ...messages.slice(first)])
  const lengths = await Promise.all(kept.map(async (list) => (await llm.tokenize(list)).tokens.length))
  t.equal(
    usage.promptTokens,
    lengths.find((length) => length <= 88),
    'as much as fits',
  )
  const same = kept[lengths.indexOf(usage.promptTokens)] as ChatMessage[]
  t.same((await llm.generate(same, { ...greedy, maxNewTokens: 8 })).tokens, tokens)
  const huge = [user('word '.repeat(200))]
  await t.rejects(llm.generate(huge, options), { code: 'ERR_CONTEXT_LENGTH' }, 'the last message is never dropped')
})

t.test('sampling: a seed repeats, other seeds differ, temperature 0 is greedy, defaults apply', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { defaults: { maxNewTokens: 24, ignoreEos: true } })
  const prompt = { tokens: [10, 20, 30] }
  const sample = async (options: object) => (await llm.generate(prompt, options)).tokens
  const plain = await sample({})
  t.equal(plain.length, 24)
  t.same(await sample({ temperature: 0, topP: 0.5 }), plain)
  t.same(await sample({ temperature: 1, topK: 1 }), plain)
  const seeded = await sample({ temperature: 2, seed: 1 })
  t.same(await sample({ temperature: 2, seed: 1 }), seeded)
  t.notSame(await sample({ temperature: 2, seed: 2 }), seeded)
  t.notSame(await sample({ temperature: 2 }), await sample({ temperature: 2 }), 'random by default')
})

t.test('two models at once, many requests each, answers do not mix', async (t) => {
  await using one = await loadTiny('tiny-llama-fp32')
  await using two = await loadTiny('tiny-phi3-sw16-fp32')
  const prompts = Array.from({ length: 10 }, (_, i) => ({ tokens: [20 + i, 30 + i] }))
  const options = { ...greedy, maxNewTokens: 12 }
  const together = await Promise.all(
    [one, two].map((llm) => Promise.all(prompts.map((prompt) => llm.generate(prompt, options)))),
  )
  for (const [m, llm] of [one, two].entries()) {
    for (const [i, prompt] of prompts.entries()) {
      t.same(together[m]?.[i]?.tokens, (await llm.generate(prompt, options)).tokens)
    }
  }
})

t.test('close: running and waiting requests reject, later calls too, twice is fine', async (t) => {
  const llm = await loadTiny()
  const requests = [1, 2, 3].map(() => llm.generate({ tokens: [10, 20] }, greedy))
  const results = Promise.allSettled(requests)
  await Promise.all([llm.close(), llm.close()])
  for (const result of await results) t.match(result, { status: 'rejected', reason: { code: 'ERR_CLOSED' } })
  t.throws(() => llm.stream('x'), { code: 'ERR_CLOSED' })
  await t.rejects(llm.generate('x'), { code: 'ERR_CLOSED' })
  await t.rejects(llm.tokenize('x'), { code: 'ERR_CLOSED' })
})

t.test('a load can be aborted, reports progress, and fails with what its listener throws', async (t) => {
  const reason = new Error('no more')
  await t.rejects(loadTiny('tiny-llama', { signal: AbortSignal.abort(reason) }), reason)
  for (const stage of ['read', 'compile', 'warmup']) {
    const controller = new AbortController()
    const onProgress = (progress: { stage: string }) => {
      if (progress.stage === stage) controller.abort(reason)
    }
    await t.rejects(loadTiny('tiny-llama', { signal: controller.signal, onProgress }), reason, stage)
  }
  const error = new Error('from onProgress')
  const throwing = () => {
    throw error
  }
  await t.rejects(loadTiny('tiny-llama', { onProgress: throwing }), error)
  const seen: string[] = []
  await using llm = await loadTiny('tiny-llama', {
    // Built-in kernels, which some machines choose, pack.
    cpuKernel: 'openvino',
    onProgress: ({ stage, done, total }) => seen.push(`${stage} ${done}/${total}`),
  })
  t.same(seen, [
    'read 0/1',
    'read 1/1',
    'compile 0/1',
    'compile 1/1',
    'warmup 0/3',
    'warmup 1/3',
    'warmup 2/3',
    'warmup 3/3',
  ])
  t.ok(llm.info)
})

t.test('a message that the template leaves out is warned of once, or merged when asked', async (t) => {
  const warnings: ModelWarning[] = []
  await using llm = await LLM.load(tiny('tiny-llama-fp32'), {
    ovConfig: exact,
    onWarning: (warning) => warnings.push(warning),
  })
  const dropping = '{% for m in messages %}{% if m.role == "user" %}{{ m.content }}\n{% endif %}{% endfor %}'
  const messages = [{ role: 'system', content: 'Be brief.' }, user('Hello')]
  t.equal((await llm.tokenize(messages, { chatTemplate: dropping })).text, 'Hello\n')
  await llm.generate(messages, { chatTemplate: dropping, maxNewTokens: 1 })
  t.match(warnings, [{ code: 'template-ignores-messages', message: /system/ }])
  t.match(
    (await llm.tokenize(messages, { chatTemplate: dropping, systemFallback: 'merge-user' })).text,
    /Be brief\.\s+Hello\n/,
  )
  t.equal(warnings.length, 1)
})
