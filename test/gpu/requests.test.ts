import t from 'tap'
import { LLM, type LoadOptions } from '#lib/index.js'
import { goldenTiny, loadTiny, tiny } from '../llm/fixtures.js'
import { answerOf, answersOf, startTiny } from '../llm/runners.js'
import { onGpu } from './emulated-gpu.js'

// What the engine does around the model, in the memory of a GPU: blocks of 16 tokens, keys in another order.

const cases = goldenTiny()['tiny-llama']?.cases ?? []
const longest = cases.reduce((a, b) => (b.prompt.length > a.prompt.length ? b : a))
const greedy = { temperature: 0, ignoreEos: true } as const
const load = (folder: string, options: LoadOptions = {}) =>
  LLM.load(tiny(folder), { device: 'GPU', precision: 'f32', kvCachePrecision: 'f32', ...options })

t.test('prompts that begin like an earlier one take that from the cache', async (t) => {
  const [gpu, cpu] = [
    await startTiny('tiny-llama-fp32', 'paged', onGpu),
    await startTiny('tiny-llama-fp32', 'stateful'),
  ]
  const { prompt, greedy } = longest
  t.same((await answerOf(gpu, prompt, { maxNewTokens: greedy.length })).tokens, greedy)
  for (let cut = 1; cut < prompt.length; cut++) {
    const other = [...prompt.slice(0, cut), ...[7, 8, 9].map((token) => (token + (prompt[cut] ?? 0)) % 500)]
    const found = await answerOf(gpu, other, { maxNewTokens: 4 })
    t.same(found.tokens, (await answerOf(cpu, other, { maxNewTokens: 4 })).tokens, `cut at ${cut}`)
    t.equal(found.timings.cachedTokens, cut, `cut at ${cut}: taken from the cache`)
  }
  t.same((await answerOf(gpu, prompt, { maxNewTokens: greedy.length })).tokens, greedy, 'the first one once more')
  await Promise.all([gpu.close(), cpu.close()])
})

t.test('several answers to one prompt are those of the CPU', async (t) => {
  const drawn = { temperature: 1.5, maxNewTokens: 12, seed: 1 }
  for (const runner of ['paged', 'stateful'] as const) {
    const gpu = await startTiny('tiny-llama-fp32', runner, onGpu)
    const cpu = await startTiny('tiny-llama-fp32', runner)
    const tokens = async (engine: typeof gpu) =>
      (await answersOf(engine, longest.prompt, 4, drawn)).map(({ tokens }) => tokens)
    t.same(await tokens(gpu), await tokens(cpu), runner)
    await Promise.all([gpu.close(), cpu.close()])
  }
})

t.test('requests that had to give up their room in the KV cache', async (t) => {
  const kvTokens = 128
  const engine = await startTiny('tiny-llama-fp32', 'paged', { ...onGpu, kvTokens })
  const many = [...cases, ...cases]
  const answers = await Promise.all(
    many.map(({ prompt }) => answerOf(engine, prompt, { maxNewTokens: kvTokens - prompt.length })),
  )
  for (const [i, each] of many.entries()) {
    t.same(answers[i]?.tokens.slice(0, each.greedy.length), each.greedy, `prompt of ${each.prompt.length}`)
  }
  const { preemptions, running, waiting, blocksUsed } = engine.metrics()
  t.ok(preemptions > 0)
  t.same([running, waiting, blocksUsed], [0, 0, 0])
  await engine.close()
})

t.test('guesses from earlier text', async (t) => {
  const engine = await startTiny('tiny-llama-fp32', 'paged', onGpu)
  let guessed = 0
  for (const { prompt, greedy } of cases) {
    const quoting = [...prompt, ...greedy, ...prompt]
    const plain = await answerOf(engine, quoting, { maxNewTokens: 24 })
    const quick = await answerOf(engine, quoting, { lookupNgram: 3, lookupTokens: 10, maxNewTokens: 24 })
    t.same(quick.tokens, plain.tokens, `${quoting.length} tokens that repeat themselves`)
    guessed += quick.timings.draftTokens
  }
  t.ok(guessed > 0, `${guessed} tokens were guessed`)
  await engine.close()
})

t.test('int4: both engines give the tokens of the CPU', async (t) => {
  const prompts = cases.map(({ prompt }) => ({ tokens: prompt }))
  const answers = async (llm: LLM) =>
    (await llm.generateAll(prompts, { ...greedy, maxNewTokens: 16 })).map(({ tokens }) => tokens)
  await using cpu = await loadTiny('tiny-llama', { cpuKernel: 'openvino' })
  const expected = await answers(cpu)
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await load('tiny-llama', { engine })
    t.equal(llm.info.runner, engine)
    t.same(await answers(llm), expected, engine)
  }
})

t.test('where it computes in f32, a paged KV cache has that precision too', async (t) => {
  const load32 = (options: LoadOptions = {}) =>
    LLM.load(tiny('tiny-llama-fp32'), { device: 'GPU', precision: 'f32', ovConfig: { CACHE_DIR: '' }, ...options })
  const answer = async (llm: LLM) => (await llm.generate(prompt20, { ...greedy, maxNewTokens: 8 })).tokens
  {
    await using llm = await load32()
    t.match(llm.info, { runner: 'paged', precision: { kvCache: 'f32' } }, 'unless another one is asked for')
    t.same(await answer(llm), expected20)
  }
  for (const kvCachePrecision of ['f16', 'u8'] as const) {
    const message = new RegExp(`take a paged KV cache in f32 only, and KV_CACHE_PRECISION is ${kvCachePrecision}`)
    await t.rejects(load32({ kvCachePrecision, engine: 'paged' }), { code: 'ERR_PROPERTY', message })
    await using llm = await load32({ kvCachePrecision, onWarning: () => {} })
    t.match(llm.info, { runner: 'stateful', runnerReason: message })
    t.same(await answer(llm), expected20, `stateful, ${llm.info.precision.kvCache}`)
  }
})

t.test('a compiled model that was kept is not taken for a KV cache of another precision', async (t) => {
  for (const [asked, taken] of [
    ['f32', 'f32'],
    ['u8', 'i8'],
    ['f16', 'f16'],
    ['f32', 'f32'],
  ] as const) {
    await using llm = await load('tiny-llama-fp32', {
      kvCachePrecision: asked,
      engine: 'stateful',
      onWarning: () => {},
    })
    t.equal(llm.info.precision.kvCache, taken, asked)
  }
})

t.test('cancelled while its prompt is computed, and while it decodes', async (t) => {
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await load('tiny-llama-fp32', { engine })
    const controller = new AbortController()
    const long = llm.generate({ tokens: Array.from({ length: 200 }, (_, i) => 5 + i) }, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await t.rejects(long, { message: 'enough' }, engine)
    for await (const _ of llm.stream(prompt20, greedy)) break
    const { tokens } = await llm.generate(prompt20, { ...greedy, maxNewTokens: 8 })
    t.same(tokens, expected20, `${engine}: what follows finds no trace of them`)
  }
})

const { prompt: tokens20 = [], greedy: greedy20 = [] } = cases.find(({ prompt }) => prompt.length === 20) ?? {}
const prompt20 = { tokens: tokens20 }
const expected20 = greedy20.slice(0, 8)
