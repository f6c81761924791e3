import { join } from 'node:path'
import t from 'tap'
import type { Engine } from '#lib/engine/engine.js'
import { goldenTiny, loadTiny, tiny } from './fixtures.js'
import { answerOf, answersOf, startTiny } from './runners.js'

// Whatever the engine does around the model, its answer is the one that transformers gives: all in f32, token by token.

const golden = goldenTiny()

/** A model, its continuations by transformers, the positions that it has, and up to how many of them it takes its short position factors. */
function model(folder: string, name: string, context: number, border = context) {
  const all = golden[name]?.cases ?? []
  const cases = all
    .filter(({ prompt }) => prompt.length < context)
    .map(({ prompt, greedy }) => ({ prompt, greedy: greedy.slice(0, context - prompt.length) }))
  return { folder, context, border, cases }
}

const models = [
  model('tiny-llama-fp32', 'tiny-llama', 256),
  // Its sliding window of 16 tokens is shorter than most of the prompts.
  model('tiny-phi3-sw16-fp32', 'tiny-phi3-sw16', 256),
  // Its position factors change at 32 tokens: before some of the prompts, within some of the answers.
  model('tiny-phi3-longrope-fp32', 'tiny-phi3-longrope', 128, 32),
]
type Case = (typeof models)[number]['cases'][number]

const longest = (cases: readonly Case[]): Case => cases.reduce((a, b) => (b.prompt.length > a.prompt.length ? b : a))
const answer = async (engine: Engine, { prompt, greedy }: Case) =>
  (await answerOf(engine, prompt, { maxNewTokens: greedy.length })).tokens
const words = ({ prompt }: Case) => `prompt of ${prompt.length}`

for (const { folder, context, border, cases } of models) {
  t.test(`${folder}: alone, with either runner`, async (t) => {
    for (const runner of ['paged', 'stateful'] as const) {
      const engine = await startTiny(folder, runner)
      t.equal(engine.info.runner, runner)
      for (const each of cases) t.same(await answer(engine, each), each.greedy, `${runner}: ${words(each)}`)
      await engine.close()
    }
  })

  t.test(`${folder}: beside requests of other lengths`, async (t) => {
    // With three places most wait for one; with a chunk of 7 prompts are computed while others decode.
    for (const runner of ['paged', 'stateful'] as const) {
      for (const config of [
        { maxSequences: 8 },
        { maxSequences: 3 },
        { maxSequences: 8, prefillChunk: 7, statefulChunk: 7 },
      ]) {
        const engine = await startTiny(folder, runner, config)
        t.match(engine.info, { batching: 'all', batchingReason: '' })
        const answers = await Promise.all([...cases, ...cases].map((each) => answer(engine, each)))
        answers.forEach((tokens, i) => {
          const each = cases[i % cases.length] as Case
          t.same(tokens, each.greedy, `${runner}, ${JSON.stringify(config)}: ${words(each)}`)
        })
        await engine.close()
      }
    }
  })

  t.test(`${folder}: the prompt in chunks of every size`, async (t) => {
    // Every size for a prompt that is a little longer than a block of the KV cache, some for the longest.
    const middle = longest(cases.filter(({ prompt }) => prompt.length <= 33))
    const whole = longest(cases)
    const inChunks = async (each: Case, prefillChunk: number, runner: 'paged' | 'stateful') => {
      const engine = await startTiny(folder, runner, { prefillChunk, statefulChunk: prefillChunk })
      t.same(await answer(engine, each), each.greedy, `${runner}: ${words(each)}, chunks of ${prefillChunk}`)
      await engine.close()
    }
    for (let size = 1; size <= middle.prompt.length; size++) await inChunks(middle, size, 'paged')
    for (const size of [1, 31, 33, 59]) await inChunks(whole, size, 'paged')
    for (const size of [1, 7, 32]) await inChunks(whole, size, 'stateful')
  })

  t.test(`${folder}: prompts that begin like an earlier one, at every cut`, async (t) => {
    const { prompt, greedy } = longest(cases)
    const paged = await startTiny(folder, 'paged')
    const stateful = await startTiny(folder, 'stateful')
    t.same(await answer(paged, { prompt, greedy }), greedy)
    for (let cut = 1; cut <= Math.min(prompt.length, context - 7); cut++) {
      // Three tokens that no other prompt of this test has at this place.
      const other = [...prompt.slice(0, cut), ...[7, 8, 9].map((token) => (token + (prompt[cut] ?? 0)) % 500)]
      const found = await answerOf(paged, other, { maxNewTokens: 4 })
      const expected = await answerOf(stateful, other, { maxNewTokens: 4 })
      t.same(found.tokens, expected.tokens, `cut at ${cut}`)
      // On the other side of the border there is only what the cut before this one left.
      const shared = other.length > border === prompt.length > border ? cut : cut - 1
      t.equal(found.timings.cachedTokens, shared, `cut at ${cut}: taken from the cache`)
    }
    for (let cut = 1; cut < prompt.length; cut++) {
      const again = await answerOf(paged, prompt.slice(0, cut), { maxNewTokens: 0 })
      t.same([again.tokens, again.reason], [[], 'length'], 'only the prompt was wanted')
      t.same(await answer(paged, { prompt, greedy }), greedy, `after a beginning of ${cut}`)
    }
    t.same(await answer(paged, { prompt, greedy }), greedy, 'the first one once more')
    await Promise.all([paged.close(), stateful.close()])
  })

  t.test(`${folder}: with guesses from earlier text`, async (t) => {
    const engine = await startTiny(folder, 'paged')
    const lookup = { lookupNgram: 3, lookupTokens: 10 }
    let guessed = 0
    for (const { prompt, greedy } of cases) {
      const found = await answerOf(engine, prompt, { ...lookup, maxNewTokens: greedy.length })
      t.same(found.tokens, greedy, words({ prompt, greedy }))
      // What follows has stood before: there is much to guess, whether or not it is right.
      const quoting = [...prompt, ...greedy, ...prompt].slice(0, context - 12)
      const maxNewTokens = Math.min(24, context - quoting.length)
      const plain = await answerOf(engine, quoting, { maxNewTokens })
      const quick = await answerOf(engine, quoting, { ...lookup, maxNewTokens })
      t.same(quick.tokens, plain.tokens, `${quoting.length} tokens that repeat themselves`)
      const drawn = { temperature: 1.3, topK: 20, seed: 5, maxNewTokens }
      const sampled = await answerOf(engine, quoting, { ...drawn, ...lookup })
      t.same(sampled.tokens, (await answerOf(engine, quoting, drawn)).tokens, 'the same draws')
      for (const { timings } of [found, quick, sampled]) guessed += timings.draftTokens
    }
    t.ok(guessed > 0, `${guessed} tokens were guessed`)
    await engine.close()
  })

  t.test(`${folder}: several answers are those that their seeds give alone`, async (t) => {
    // Five places for six answers: the last one waits and finds its prompt in the cache, or computes it.
    for (const runner of ['paged', 'stateful'] as const) {
      const engine = await startTiny(folder, runner, { maxSequences: 5 })
      const drawn = { temperature: 1.5, maxNewTokens: 12, seed: 2 ** 32 - 3 }
      for (const { prompt } of cases.filter((each) => each.prompt.length <= context - 12)) {
        const together = await answersOf(engine, prompt, 6, drawn)
        for (const [i, { tokens }] of together.entries()) {
          // Seeds are 32 bits wide, and go on at 0.
          const alone = await answerOf(engine, prompt, { ...drawn, seed: (drawn.seed + i) % 2 ** 32 })
          t.same(tokens, alone.tokens, `${runner}: prompt of ${prompt.length}, answer ${i}`)
        }
      }
      await engine.close()
    }
  })

  t.test(`${folder}: several answers compute their prompt once`, async (t) => {
    const prompt = longest(cases.filter(({ prompt }) => prompt.length < border - 8)).prompt
    const drawn = { temperature: 1.5, maxNewTokens: 5, seed: 1 }
    for (const runner of ['paged', 'stateful'] as const) {
      const steps = async (count: number) => {
        // A token of the prompt in each step, so that each computation of it shows.
        const engine = await startTiny(folder, runner, { prefillChunk: 1, statefulChunk: 1 })
        await answersOf(engine, prompt, count, drawn)
        const { steps } = engine.metrics()
        await engine.close()
        return steps
      }
      t.same([await steps(1), await steps(4)], Array(2).fill(prompt.length + 4), runner)
    }
  })

  t.test(`${folder}: requests that had to give up their room in the KV cache`, async (t) => {
    const { length } = longest(cases).prompt
    const kvTokens = Math.ceil((length + longest(cases).greedy.length) / 32) * 32 + 32
    for (const runner of ['paged', 'stateful'] as const) {
      const engine = await startTiny(folder, runner, { kvTokens })
      const many = [...cases, ...cases]
      // Each goes on as far as it may, so that those that fitted side by side at first do no longer.
      const most = Math.min(context, kvTokens)
      const answers = await Promise.all(
        many.map(({ prompt }) => answerOf(engine, prompt, { maxNewTokens: most - prompt.length })),
      )
      many.forEach((each, i) => {
        t.same(answers[i]?.tokens.slice(0, each.greedy.length), each.greedy, `${runner}: ${words(each)}`)
      })
      const { preemptions, blocksUsed, running, waiting } = engine.metrics()
      t.same([running, waiting, blocksUsed], [0, 0, 0], 'all blocks are free or cached')
      // Whoever crosses the border gives its blocks up anyway.
      if (border === context) t.ok(preemptions > 0, `${runner}: ${preemptions} times`)
      await engine.close()
    }
  })
}

t.test('with guesses of a draft model', async (t) => {
  // The same weights in four bits: often right, and often wrong.
  const draftModelPath = join(tiny('tiny-llama'), 'openvino_model.xml')
  for (const config of [{}, { prefillChunk: 7 }, { kvTokens: 160, maxSequences: 4 }]) {
    const engine = await startTiny('tiny-llama-fp32', 'paged', { draftModelPath, draftTokens: 5, ...config })
    const cases = golden['tiny-llama']?.cases ?? []
    const answers = await Promise.all([...cases, ...cases].map((each) => answer(engine, each)))
    answers.forEach((tokens, i) => {
      const each = cases[i % cases.length] as Case
      t.same(tokens, each.greedy, `${JSON.stringify(config)}: ${words(each)}`)
    })
    const { draftTokens, acceptedTokens } = engine.metrics()
    t.ok(acceptedTokens > 0 && acceptedTokens < draftTokens, `${acceptedTokens} of ${draftTokens} guesses were right`)
    await engine.close()
  }
})

t.test(
  'the same through the options of LLM.load: draftModel, and a kvCacheBytes that is too small for all',
  async (t) => {
    const cases = golden['tiny-llama']?.cases ?? []
    const perToken = 2 ** 16 / 128
    const tokens = 4 * 32
    for (const draftModel of [undefined, tiny('tiny-llama')]) {
      await using llm = await loadTiny('tiny-llama-fp32', { kvCacheBytes: tokens * perToken, draftModel })
      t.equal(llm.info.draftModel, draftModel ?? '')
      t.match(llm.info, { contextLength: tokens, contextReason: /kvCacheBytes/ })
      const many = [...cases, ...cases]
      const options = { temperature: 0, ignoreEos: true }
      const answers = await llm.generateAll(
        many.map(({ prompt }) => ({ tokens: prompt })),
        { ...options, maxNewTokens: 60 },
      )
      for (const [i, each] of many.entries()) {
        t.same(answers[i]?.tokens.slice(0, each.greedy.length), each.greedy, words(each))
      }
      const { preemptions, acceptedTokens, draftTokens } = llm.metrics()
      t.ok(preemptions > 0, `${preemptions} gave up their blocks`)
      t.equal(draftTokens > 0, draftModel !== undefined, `${acceptedTokens} of ${draftTokens} guesses were right`)
    }
  },
)
