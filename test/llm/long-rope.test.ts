import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { Engine } from '#lib/engine/engine.js'
import type { ReprefillProgress, RequestReprefill } from '#lib/index.js'
import { goldenTiny, loadTiny, tiny } from './fixtures.js'
import { answerOf, startTiny } from './runners.js'

// tiny-phi3-longrope changes its position factors at 32 tokens. Transformers computed its golden answers anew for every token, so that
// each is what the factors of its whole length give.

const border = 32
const cases = goldenTiny()['tiny-phi3-longrope']?.cases ?? []
const folder = 'tiny-phi3-longrope-fp32'
const greedy = { temperature: 0, ignoreEos: true } as const
type Case = (typeof cases)[number]

/** Whether the answer begins on one side of the border and has tokens that follow from the other. */
const crosses = ({ prompt, greedy }: Case) => prompt.length <= border && prompt.length + greedy.length - 1 > border

/** How prompts are cut does not depend on the CPU: a second run as on an older one takes the sizes around the border. */
const sizes = process.env.OPENVINO_LLM_MAX_CPU_ISA
  ? [1, 16, border - 1, border, border + 1, 61]
  : Array.from({ length: 61 }, (_, index) => index + 1)

t.test('each chunk size and each side of the border, with either runner', async (t) => {
  t.ok(cases.some(crosses) && cases.some(({ prompt }) => prompt.length > border + 20), 'the cases have all of it')
  for (const runner of ['paged', 'stateful'] as const) {
    for (const size of sizes) {
      const engine = await startTiny(folder, runner, { prefillChunk: size, statefulChunk: size })
      t.match(engine.info, { runner, ropeRegime: 'auto', longRopeBorder: border })
      const answers = await Promise.all(
        cases.map(({ prompt, greedy }) => answerOf(engine, prompt, { maxNewTokens: greedy.length })),
      )
      t.same(
        answers.map(({ tokens }) => tokens),
        cases.map(({ greedy }) => greedy),
        `${runner}, chunks of ${size}`,
      )
      t.same(
        answers.map(({ timings }) => timings.reprefill > 0),
        cases.map(crosses),
      )
      await engine.close()
    }
  }
})

t.test('an answer that crosses says how far it has been computed again', async (t) => {
  await using llm = await loadTiny(folder)
  t.match(llm.info, { contextLength: 128, contextReason: '', longRope: { original: border, regime: 'auto' } })
  const messages: RequestReprefill[] = []
  const listen = (message: unknown) => void messages.push(message as RequestReprefill)
  subscribe('openvino-llm:request:reprefill', listen)
  t.teardown(() => unsubscribe('openvino-llm:request:reprefill', listen))
  for (const each of cases) {
    const progress: ReprefillProgress[] = []
    const { tokens, timings } = await llm.generate(
      { tokens: each.prompt },
      { ...greedy, maxNewTokens: each.greedy.length, onReprefill: (step) => void progress.push(step) },
    )
    t.same(tokens, each.greedy)
    const total = border + 1
    if (crosses(each)) {
      t.same(progress[0], { index: 0, done: 0, total })
      t.same(progress.at(-1), { index: 0, done: total, total })
      t.ok(timings.reprefill > 0 && timings.reprefill <= timings.decode)
    } else {
      t.same([progress, timings.reprefill], [[], 0])
    }
    t.same(
      messages.splice(0).map(({ index, done, total }) => ({ index, done, total })),
      progress,
    )
  }
  const crossing = cases.find(crosses) as Case
  const failing = llm.generate(
    { tokens: crossing.prompt },
    {
      ...greedy,
      onReprefill: () => {
        throw new Error('enough')
      },
    },
  )
  await t.rejects(failing, { message: 'enough' })
})

t.test('the cache serves each side of the border with its own keys', async (t) => {
  const engine = await startTiny(folder, 'paged')
  const long = cases.find(({ prompt }) => prompt.length === 60) as Case
  const beginning = long.prompt.slice(0, border)
  await answerOf(engine, beginning, { maxNewTokens: 0 })
  const cold = await answerOf(engine, long.prompt, { maxNewTokens: long.greedy.length })
  t.same([cold.tokens, cold.timings.cachedTokens], [long.greedy, 0], 'what the short factors made is of no use')
  const short = await answerOf(engine, beginning, { maxNewTokens: 1 })
  t.equal(short.timings.cachedTokens, border - 1, 'and serves short prompts still')
  const warm = await answerOf(engine, long.prompt, { maxNewTokens: long.greedy.length })
  t.same([warm.tokens, warm.timings.cachedTokens], [long.greedy, long.prompt.length - 1])
  await engine.close()
})

t.test("ropeRegime 'long' has no border, 'short' ends there", async (t) => {
  const answers: number[][][] = []
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await loadTiny(folder, { ropeRegime: 'long', engine })
    t.match(llm.info, { contextLength: 128, contextReason: '', longRope: { original: border, regime: 'long' } })
    const found = await llm.generateAll(
      cases.map(({ prompt }) => ({ tokens: prompt })),
      { ...greedy, maxNewTokens: 30 },
    )
    for (const [i, { prompt, greedy }] of cases.entries()) {
      const { tokens = [], timings } = found[i] ?? {}
      t.equal(timings?.reprefill, 0)
      if (prompt.length > border)
        t.same(tokens.slice(0, greedy.length), greedy, `${engine}: prompt of ${prompt.length}`)
    }
    answers.push(found.map(({ tokens }) => tokens))
  }
  t.same(answers[0], answers[1])
  t.notSame(
    answers[0]?.map((tokens) => tokens.slice(0, 8)),
    cases.map(({ greedy }) => greedy.slice(0, 8)),
    'short prompts get another answer',
  )

  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await loadTiny(folder, { ropeRegime: 'short', engine })
    const reason = /short LongRoPE factors end at 32 positions: option ropeRegime/
    t.match(llm.info, { contextLength: border, contextReason: reason, longRope: { original: border, regime: 'short' } })
    for (const { prompt, greedy: expected } of cases) {
      const answer = llm.generate({ tokens: prompt }, { ...greedy, maxNewTokens: expected.length })
      if (prompt.length < border) t.same((await answer).tokens, expected.slice(0, border - prompt.length))
      else await t.rejects(answer, { code: 'ERR_CONTEXT_LENGTH', message: reason })
    }
    const wanted = loadTiny(folder, { ropeRegime: 'short', engine, contextLength: 64 })
    await t.rejects(wanted, { code: 'ERR_CONTEXT_LENGTH', message: /option contextLength: .*ropeRegime/ })
  }
  await t.rejects(loadTiny('tiny-llama-fp32', { ropeRegime: 'short' }), { code: 'ERR_UNSUPPORTED_MODEL' })
  await t.rejects(loadTiny('tiny-llama-fp32', { ropeRegime: 'long' }), { code: 'ERR_UNSUPPORTED_MODEL' })
})

t.test('an export with the short factors only ends at the border, with the reason', async (t) => {
  const shortOnly = 'tiny-phi3-longrope-short-only-fp32'
  await using llm = await loadTiny(shortOnly)
  const reason = /one set of LongRoPE factors.*32 positions.*mid-2026/
  t.match(llm.info, { contextLength: border, contextReason: reason, longRope: null })
  const { prompt, greedy: expected } = cases.find(({ prompt }) => prompt.length === 20) as Case
  const { tokens, finishReason } = await llm.generate({ tokens: prompt }, { ...greedy, maxNewTokens: expected.length })
  t.same([tokens, finishReason], [expected.slice(0, border - prompt.length), 'length'])
  const long = { tokens: Array(40).fill(9) }
  await t.rejects(llm.generate(long), { code: 'ERR_CONTEXT_LENGTH', message: reason })
  await t.rejects(loadTiny(shortOnly, { contextLength: 33 }), { code: 'ERR_CONTEXT_LENGTH', message: reason })
  await t.rejects(loadTiny(shortOnly, { ropeRegime: 'long' }), { code: 'ERR_UNSUPPORTED_MODEL', message: /ropeRegime/ })
})

t.test('a graph that may have no further input is left as it is, or gets the long factors for good', async (t) => {
  const answer = async (engine: Engine, { prompt, greedy }: Case) =>
    (await answerOf(engine, prompt, { maxNewTokens: greedy.length })).tokens
  const asIs = await startTiny(folder, 'stateful', { gatherRows: false })
  t.match(asIs.info, { ropeRegime: 'short', longRopeBorder: border })
  for (const { prompt, greedy } of cases.filter(({ prompt }) => prompt.length < border)) {
    const inside = { prompt, greedy: greedy.slice(0, border - prompt.length) }
    t.same(await answer(asIs, inside), inside.greedy)
  }
  await asIs.close()
  const long = await startTiny(folder, 'stateful', { gatherRows: false, ropeRegime: 'long', statefulChunk: 7 })
  t.equal(long.info.ropeRegime, 'long')
  for (const each of cases.filter(({ prompt }) => prompt.length > border)) t.same(await answer(long, each), each.greedy)
  await long.close()
})

t.test('guesses of a draft model that has a border, too, and of one that has none', async (t) => {
  for (const draft of ['tiny-phi3-longrope', 'tiny-phi3']) {
    const config = { draftModelPath: `${tiny(draft)}/openvino_model.xml`, draftTokens: 5, prefillChunk: 16 }
    const engine = await startTiny(folder, 'paged', config)
    const answers = await Promise.all(
      [...cases, ...cases].map(({ prompt, greedy }) => answerOf(engine, prompt, { maxNewTokens: greedy.length })),
    )
    for (const [i, { tokens }] of answers.entries())
      t.same(tokens, cases[i % cases.length]?.greedy, `${draft}: case ${i}`)
    t.ok(engine.metrics().draftTokens > 0)
    await engine.close()
  }
})

t.test('compressed exports: both runners agree across the border', async (t) => {
  for (const name of ['tiny-phi3-longrope', 'tiny-phi3-longrope-int8']) {
    const [paged, stateful] = [await startTiny(name, 'paged'), await startTiny(name, 'stateful')]
    for (const { prompt } of cases) {
      const wanted = { maxNewTokens: 40 }
      t.same((await answerOf(paged, prompt, wanted)).tokens, (await answerOf(stateful, prompt, wanted)).tokens, name)
    }
    await Promise.all([paged.close(), stateful.close()])
  }
})
