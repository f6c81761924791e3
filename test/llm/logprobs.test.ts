import t from 'tap'
import type { PromptLogprob, StreamPart, TokenLogprob } from '#lib/index.js'
import { goldenScores, goldenTiny, loadTiny, scoredModels } from './fixtures.js'

/** Golden answers have the five likeliest tokens of each place. */
const scores = goldenScores()
const golden = goldenTiny() as unknown as Record<
  string,
  { cases: { prompt: number[]; greedy: number[]; top5: [number, number][][] }[] }
>
const engines = ['paged', 'stateful'] as const
const greedy = { temperature: 0, ignoreEos: true } as const
/** Sums in another order: the largest difference seen is 4e-6. */
const near = 1e-4

/** The largest difference, when the likeliest tokens are the same. */
function difference(found: TokenLogprob[] | undefined, top: [number, number][][]): number {
  const differences = top.flatMap((row, i) =>
    row.map(([token, logprob], j) => {
      const one = found?.[i]?.topLogprobs[j]
      // Two that are about equally likely may swap.
      const swapped = one !== undefined && one.token !== token && Math.abs(one.logprob - logprob) < near
      return one?.token === token || swapped ? Math.abs((one?.logprob ?? 0) - logprob) : Number.POSITIVE_INFINITY
    }),
  )
  return Math.max(...differences)
}

/** Whether two are the same but for the last bits, which depend on the rows of a step. */
function alike(found: readonly PromptLogprob[] | undefined, expected: readonly PromptLogprob[] | undefined): boolean {
  const same = (a: Omit<PromptLogprob, 'topLogprobs'>, b: Omit<PromptLogprob, 'topLogprobs'>) =>
    Math.abs((a.logprob ?? 0) - (b.logprob ?? 0)) < 1e-5
  return (
    found !== undefined &&
    found.length === expected?.length &&
    found.every((one, i) => {
      const other = expected[i] as PromptLogprob
      const places = one.topLogprobs.every((likely, j) => same(likely, other.topLogprobs[j] as TokenLogprob))
      return (
        one.token === other.token && one.topLogprobs.length === other.topLogprobs.length && same(one, other) && places
      )
    })
  )
}

for (const [name, folder] of scoredModels) {
  for (const engine of engines) {
    t.test(`${folder}, ${engine}: log-probabilities of answers and prompts equal those of transformers`, async (t) => {
      await using llm = await loadTiny(folder, { engine, onWarning: () => {} })
      for (const { prompt, greedy: answer, top5 } of golden[name]?.cases ?? []) {
        for (const promptLookup of [false, true]) {
          const options = { ...greedy, maxNewTokens: answer.length, logprobs: 5, promptLookup }
          const { tokens, logprobs } = await llm.generate({ tokens: prompt }, options)
          t.same(tokens, answer)
          t.same(
            logprobs?.map(({ token }) => token),
            answer,
          )
          t.ok(logprobs?.every(({ logprob, topLogprobs }) => logprob === topLogprobs[0]?.logprob))
          t.ok(difference(logprobs, top5) < near, `prompt of ${prompt.length}: ${difference(logprobs, top5)}`)
        }
      }
      for (const { tokens, logprobs, top } of scores[name]?.cases ?? []) {
        const { promptLogprobs } = await llm.generate({ tokens }, { ...greedy, maxNewTokens: 1, promptLogprobs: 3 })
        t.same(
          promptLogprobs?.map(({ token }) => token),
          tokens,
        )
        t.match(promptLogprobs?.[0], { logprob: null, topLogprobs: [] })
        const rest = promptLogprobs?.slice(1) as TokenLogprob[]
        t.ok(difference(rest, top) < near, `${tokens.length} tokens: ${difference(rest, top)}`)
        t.ok(rest.every(({ logprob }, i) => Math.abs(logprob - (logprobs[i] as number)) < near))
      }
    })
  }
}

t.test('the same call gives the same values, whatever the cache holds and beyond the border', async (t) => {
  for (const engine of engines) {
    await using llm = await loadTiny('tiny-phi3-longrope-fp32', { engine })
    for (const { tokens } of scores['tiny-phi3-longrope']?.cases ?? []) {
      const ask = () => llm.generate({ tokens }, { ...greedy, maxNewTokens: 12, logprobs: 2, promptLogprobs: 2 })
      const first = await ask()
      const second = await ask()
      t.equal(second.usage.cachedTokens, 0)
      t.ok(alike(second.promptLogprobs, first.promptLogprobs), `${engine}: prompt of ${tokens.length}`)
      t.ok(alike(second.logprobs, first.logprobs))
    }
  }
})

t.test('answers that are preempted keep their values', async (t) => {
  // The tight cache has room for five blocks of 32 tokens, and each of the sequences needs two to four.
  const cases = scores['tiny-llama']?.cases.filter(({ tokens }) => tokens.length > 24) ?? []
  const options = { ...greedy, maxNewTokens: 40, logprobs: 1, promptLogprobs: 1 }
  const answers = async (kvCacheBytes: number | undefined) => {
    await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged', kvCacheBytes })
    const found = await Promise.all(cases.map(({ tokens }) => llm.generate({ tokens }, options)))
    const { tokens = 0, bytes = 0 } = llm.info.kvCache
    return { found, preemptions: llm.metrics().preemptions, bytesPerToken: bytes / tokens }
  }
  const roomy = await answers(undefined)
  const tight = await answers(5 * 32 * roomy.bytesPerToken)
  t.equal(roomy.preemptions, 0)
  t.ok(tight.preemptions > 0)
  for (const [i, { logprobs, promptLogprobs }] of roomy.found.entries()) {
    t.ok(alike(tight.found[i]?.logprobs, logprobs))
    t.ok(alike(tight.found[i]?.promptLogprobs, promptLogprobs))
  }
})

t.test('parts of a stream hold them, token by token, and stop words cut them', async (t) => {
  await using llm = await loadTiny()
  const tokens = [10, 20, 30]
  const options = {
    temperature: 0.9,
    seed: 11,
    ignoreEos: true,
    maxNewTokens: 30,
    logprobs: 2,
    skipSpecialTokens: false,
  } as const
  const whole = await llm.generate({ tokens }, { ...options, numReturnSequences: 3 })
  t.equal(whole.seed, 11)
  for (const [i, answer] of whole.answers.entries()) {
    const stream = llm.stream({ tokens }, { ...options, seed: whole.seed === null ? 0 : whole.seed + i })
    const parts: StreamPart[] = []
    for await (const part of stream) parts.push(part)
    const streamed = parts.flatMap(({ logprobs }) => logprobs ?? [])
    t.same(streamed, (await stream.result).logprobs)
    t.ok(alike(streamed, answer.logprobs))
    for (const part of parts) {
      t.same(
        part.logprobs?.map(({ token }) => token),
        part.tokens,
      )
    }
    t.equal(Buffer.from((answer.logprobs ?? []).flatMap(({ bytes }) => bytes)).toString(), answer.text)
  }
  const [answer] = whole.answers
  const stop = answer?.text.slice(12, 15) as string
  const cut = await llm.generate({ tokens }, { ...options, stop })
  t.match(cut, { finishReason: 'stop', stoppedBy: stop })
  t.equal(cut.logprobs?.length, cut.tokens.length)
  t.ok(alike(cut.logprobs, answer?.logprobs?.slice(0, cut.tokens.length)))
})

t.test('processed ones are of what was drawn from', async (t) => {
  await using llm = await loadTiny()
  const options = { temperature: 0.5, topK: 3, seed: 1, ignoreEos: true, maxNewTokens: 20, logprobs: 20 } as const
  const raw = await llm.generate({ tokens: [10, 20, 30] }, options)
  const processed = await llm.generate({ tokens: [10, 20, 30] }, { ...options, logprobsOf: 'processed' })
  t.same(processed.tokens, raw.tokens)
  for (const [i, { token, logprob, topLogprobs }] of (processed.logprobs ?? []).entries()) {
    const three = raw.logprobs?.[i]?.topLogprobs.slice(0, 3) ?? []
    const weights = three.map((one) => Math.exp(one.logprob / 0.5))
    const total = weights.reduce((sum, weight) => sum + weight)
    t.same(
      topLogprobs.map((one) => one.token),
      three.map((one) => one.token),
    )
    t.ok(topLogprobs.every((one, j) => Math.abs(Math.exp(one.logprob) - (weights[j] as number) / total) < near))
    t.equal(logprob, topLogprobs.find((one) => one.token === token)?.logprob)
  }
})

t.test('why an answer ended, and what repeats it', async (t) => {
  await using llm = await loadTiny()
  const prompt = { tokens: [10, 20, 30] }
  const free = await llm.generate(prompt, { temperature: 1.2, ignoreEos: true, maxNewTokens: 20 })
  t.match(free, { finishReason: 'length', stoppedBy: null })
  t.type(free.seed, 'number')
  t.notOk('logprobs' in free || 'promptLogprobs' in free)
  const again = { temperature: 1.2, ignoreEos: true, maxNewTokens: 20, seed: free.seed as number }
  t.same((await llm.generate(prompt, again)).tokens, free.tokens)
  const [, , last] = free.tokens
  const stopped = await llm.generate(prompt, { ...again, stopTokenIds: [last as number] })
  t.match(stopped, { finishReason: 'stop', stoppedBy: last, seed: free.seed })
  t.match(await llm.generate(prompt, { ...greedy, maxNewTokens: 2 }), { seed: null })
})

t.test('wrong requests are refused at the call', async (t) => {
  await using llm = await loadTiny()
  const ask = (options: object) => () => llm.stream('Hello', options)
  for (const wrong of [-1, 21, 1.5, '3', null]) {
    t.throws(ask({ logprobs: wrong }), {
      name: 'TypeError',
      message: /expected logprobs to be a boolean or an integer/,
    })
    t.throws(ask({ promptLogprobs: wrong }), { name: 'TypeError', message: /expected promptLogprobs to be/ })
  }
  t.throws(ask({ logprobs: 1, logprobsOf: 'cooked' }), { name: 'TypeError', message: /'raw' or 'processed'/ })
  t.throws(ask({ logprobsOf: 'raw' }), { name: 'TypeError', message: /expected logprobs to be true or a number/ })
})
