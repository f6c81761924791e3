import { readFileSync } from 'node:fs'
import t from 'tap'
import type { FinishedAnswer, GenerationOptions, StreamPart } from '#lib/index.js'
import { fromRenamed } from '#lib/options/hugging-face.js'
import { loadTiny } from './fixtures.js'

interface Golden {
  prompt: number[]
  ends: number[]
  options: Record<string, unknown>
  /** Without the end that stopped them. */
  answers: { tokens: number[]; stopped: boolean; score: number }[]
}
const read = (name: string): Golden[] => JSON.parse(readFileSync(`test/fixtures/golden/${name}.json`, 'utf8'))

const engines = ['paged', 'stateful'] as const

for (const [name, engine] of ['beams', 'beam-groups'].flatMap((name) =>
  engines.map((engine) => [name, engine] as const),
)) {
  t.test(`${name}, ${engine}: tokens and scores equal those of transformers`, async (t) => {
    const golden = read(name)
    t.ok(golden.length >= 40)
    await using llm = await loadTiny('tiny-llama-fp32', { engine })
    t.match(llm.info, { runner: engine, canFork: true })
    await Promise.all(
      golden.map(async ({ prompt, ends, options, answers: expected }, i) => {
        const count = options['num_return_sequences'] as number
        const { answers, seed } = await llm.generate(
          { tokens: prompt },
          { ...fromRenamed(options), numReturnSequences: count, ignoreEos: true, stopTokenIds: ends },
        )
        t.equal(seed, null)
        const found = answers.map(({ tokens, finishReason }) => {
          const stopped = finishReason === 'stop'
          return { tokens: stopped ? tokens.slice(0, -1) : tokens, stopped }
        })
        const what = `case ${i}: ${JSON.stringify(options)}`
        t.same(
          found,
          expected.map(({ tokens, stopped }) => ({ tokens, stopped })),
          what,
        )
        for (const [rank, { score }] of expected.entries()) {
          const difference = Math.abs((answers[rank]?.score ?? Number.NaN) - score)
          t.ok(difference < 2e-3 * Math.max(1, Math.abs(score)), `${what}: score ${answers[rank]?.score}, not ${score}`)
        }
      }),
    )
    const { blocksUsed, running, waiting } = llm.metrics()
    t.same({ blocksUsed, running, waiting }, { blocksUsed: 0, running: 0, waiting: 0 })
  })
}

const prompt = { tokens: [30, 31, 32, 33] }
const search = { numBeams: 4, numReturnSequences: 2, maxNewTokens: 10, ignoreEos: true } satisfies GenerationOptions

// What was in the cache changes the last bits of a score.
const exactly = ({ score = Number.NaN, ...answer }: FinishedAnswer) => ({ ...answer, score: score.toFixed(4) })

t.test('a stream gives each answer when the search is done', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged' })
  const whole = await llm.generate(prompt, search)
  const stream = llm.stream(prompt, search)
  const parts: StreamPart[] = []
  for await (const part of stream) parts.push(part)
  const { answers, usage } = await stream.result
  t.same(answers.map(exactly), whole.answers.map(exactly))
  for (const [index, { text, tokens }] of answers.entries()) {
    const own = parts.filter((part) => part.index === index)
    t.equal(own.map((part) => part.text).join(''), text)
    t.same(
      own.flatMap((part) => part.tokens),
      tokens,
    )
  }
  t.ok((answers[0]?.score ?? Number.NaN) >= (answers[1]?.score ?? Number.NaN), 'the best comes first')
  t.equal(usage.completionTokens, 20)
  t.equal((await llm.generate(prompt, { maxNewTokens: 2 })).score, undefined, 'only beams have a score')
})

t.test('log-probabilities are the model’s own, so their mean is the score of a search without penalties', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged' })
  const { answers } = await llm.generate(prompt, { ...search, logprobs: 2 })
  for (const { logprobs = [], score = Number.NaN, tokens } of answers) {
    t.same(
      logprobs.map(({ token }) => token),
      tokens,
    )
    const mean = logprobs.reduce((sum, { logprob }) => sum + logprob, 0) / logprobs.length
    t.ok(Math.abs(mean - score) < 1e-4, `${mean}, ${score}`)
    t.ok(logprobs.every(({ topLogprobs }) => topLogprobs.length === 2))
  }
})

t.test('a stop word cuts the finished answer; the others are whole', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged' })
  const { answers } = await llm.generate(prompt, search)
  const [best = { text: '' }, second] = answers
  const stop = best.text.slice(-3)
  const cut = await llm.generate(prompt, { ...search, stop })
  t.equal(cut.text, best.text.slice(0, best.text.indexOf(stop)))
  t.equal(cut.stoppedBy, stop)
  t.equal(cut.finishReason, 'stop')
  if (!second?.text.includes(stop)) t.same(cut.answers.slice(1).map(exactly), answers.slice(1).map(exactly))
})

for (const engine of engines) {
  t.test(`${engine}: an aborted search ends, and leaves nothing behind`, async (t) => {
    await using llm = await loadTiny('tiny-llama-fp32', { engine })
    const controller = new AbortController()
    const running = llm.generate(prompt, { ...search, maxNewTokens: 200, signal: controller.signal })
    const others = llm.generate(prompt, { maxNewTokens: 20, ignoreEos: true })
    controller.abort(new Error('enough'))
    await t.rejects(running, { message: 'enough' })
    t.equal((await others).tokens.length, 20)
    await t.rejects(llm.generate(prompt, { ...search, maxNewTokens: 200, timeout: 1 }), { code: 'ERR_TIMEOUT' })
    await llm.generate(prompt, { maxNewTokens: 1 })
    t.equal(llm.metrics().running, 0)
  })
}

t.test('options that contradict each other are TypeErrors at the call', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', {
    engine: 'paged',
    defaults: { lengthPenalty: 2, promptLookup: true },
  })
  const wrong: [GenerationOptions, RegExp][] = [
    [{ numBeams: 2, temperature: 0.7 }, /no sampling with numBeams: 2/],
    [{ numBeams: 2, doSample: true }, /no sampling with numBeams: 2/],
    [{ numBeams: 2, topP: 0.9 }, /no sampling with numBeams: 2/],
    [{ numBeams: 2, promptLookup: true }, /no promptLookup with numBeams: 2/],
    [{ numBeams: 2, numReturnSequences: 3 }, /numReturnSequences to be at most numBeams \(2\), received 3/],
    [
      { numBeams: 4, numBeamGroups: 3, diversityPenalty: 1 },
      /numBeams to be a multiple of numBeamGroups \(3\), received 4/,
    ],
    [{ numBeams: 4, numBeamGroups: 2 }, /diversityPenalty above 0 with numBeamGroups: 2/],
    [{ numBeams: 4, diversityPenalty: 1 }, /numBeamGroups above 1 with diversityPenalty: 1/],
    [{ earlyStopping: 'never' }, /numBeams above 1 with earlyStopping: never/],
    [{ numBeams: 2, logprobs: true, logprobsOf: 'processed' }, /logprobsOf to be 'raw' with numBeams: 2/],
  ]
  for (const [options, message] of wrong) t.throws(() => llm.stream(prompt, options), { name: 'TypeError', message })
  t.equal(
    (await llm.generate(prompt, { numBeams: 2, maxNewTokens: 2 })).tokens.length,
    2,
    'weaker guesses do not count',
  )
  t.equal((await llm.generate(prompt, { maxNewTokens: 2 })).score, undefined)
})

t.test('an engine that computes too few sequences refuses beams at the call, and says how to go on', async (t) => {
  await using few = await loadTiny('tiny-llama-fp32', { engine: 'paged', maxSequences: 3 })
  t.throws(() => few.stream(prompt, { numBeams: 4 }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message:
      /numBeams is 4, but the paged engine of this model computes at most 3 at once \(maxSequences\); numBeams: 1/,
  })
  t.equal((await few.generate(prompt, { numBeams: 3, maxNewTokens: 2 })).tokens.length, 2)
  await using one = await loadTiny('tiny-llama-fp32', { engine: 'stateful', maxSequences: 1 })
  t.equal(one.info.canFork, false)
  t.throws(() => one.stream(prompt, { numBeams: 2 }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /the stateful engine of this model computes no beams/,
  })
})
