import t from 'tap'
import { LLM } from '#lib/index.js'
import { exact, type GoldenScores, goldenScores, loadTiny, scoredModels, tiny } from './fixtures.js'

const golden = goldenScores()
const engines = ['paged', 'stateful'] as const
const near = 1e-4

for (const [name, folder] of scoredModels) {
  for (const engine of engines) {
    t.test(`${folder}, ${engine}: scores and perplexities equal those of transformers`, async (t) => {
      await using llm = await loadTiny(folder, { engine, onWarning: () => {} })
      const { cases, text, perplexity } = golden[name] as GoldenScores
      for (const { tokens, logprobs, top } of cases) {
        for (const from of new Set([1, Math.ceil(tokens.length / 2), tokens.length - 1])) {
          // The prompt also goes on as it likes best, and in another way.
          const likeliest = top[from - 1]?.[0]?.[0] as number
          const continuations = [tokens.slice(from), [likeliest], tokens.slice(from).toReversed()]
          const scores = await llm.score(
            { tokens: tokens.slice(0, from) },
            continuations.map((tokens) => ({ tokens })),
          )
          const expected = logprobs.slice(from - 1)
          const first = scores[0]
          t.same(first?.tokens, tokens.slice(from))
          t.ok(first?.logprobs.every((value, i) => Math.abs(value - (expected[i] as number)) < near))
          const sum = expected.reduce((total, value) => total + value, 0)
          t.ok(Math.abs((first?.logprob ?? 0) - sum) < near * expected.length)
          t.equal(
            first?.isGreedy,
            tokens.slice(from).every((token, i) => top[from - 1 + i]?.[0]?.[0] === token),
          )
          // A longer sequence may have other position factors.
          if (tokens.length <= 32 || from > 32) {
            t.equal(scores[1]?.isGreedy, true)
            t.ok(Math.abs((scores[1]?.logprob ?? 0) - (top[from - 1]?.[0]?.[1] as number)) < near)
          }
        }
      }
      for (const { context, stride, ...expected } of perplexity) {
        const found = await llm.perplexity({ tokens: text }, { context, stride })
        t.equal(found.tokens, expected.tokens)
        const difference = Math.abs(found.perplexity / expected.perplexity - 1)
        t.ok(difference < near, `context ${context}, stride ${stride}: ${difference}`)
      }
    })
  }
}

t.test('what continuations have in common is computed once, and all of them together', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged' })
  const prompt = Array.from({ length: 100 }, (_, i) => 10 + ((i * 7) % 400))
  const before = llm.metrics()
  const scores = await llm.score(
    { tokens: prompt },
    Array.from({ length: 12 }, (_, i) => ({ tokens: [20 + i, 40] })),
  )
  const after = llm.metrics()
  t.equal(scores.length, 12)
  t.equal(after.cachedTokens - before.cachedTokens, 11 * 99)
  t.ok(after.steps - before.steps <= 4, `${after.steps - before.steps} steps`)
  // Alone, each has the same score.
  for (const [i, { logprobs, isGreedy }] of scores.entries()) {
    const [alone] = await llm.score({ tokens: prompt }, [{ tokens: [20 + i, 40] }])
    t.equal(alone?.isGreedy, isGreedy)
    t.ok(alone?.logprobs.every((value, j) => Math.abs(value - (logprobs[j] as number)) < 1e-5))
  }
})

t.test('texts and chats: a continuation begins where the tokens depart from those of the prompt', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32')
  const idsOf = async (text: string) => [...(await llm.tokenize(text)).tokens]
  const [score] = await llm.score('def return', ['  self.value'])
  const whole = await idsOf('def return  self.value')
  t.same(score?.tokens, whole.slice(whole.length - (score?.tokens.length ?? 0)))
  t.same(
    await llm.detokenize([...whole.slice(0, whole.length - (score?.tokens.length ?? 0)), ...(score?.tokens ?? [])]),
    'def return  self.value',
  )
  // Here the last letter of the prompt and the first of the continuation are one token.
  const [joined] = await llm.score('def retur', ['n'])
  const [prompt, both] = [await idsOf('def retur'), await idsOf('def return')]
  const common = prompt.findIndex((token, i) => token !== both[i])
  t.ok(common > 0)
  t.same(joined?.tokens, both.slice(common))

  const messages = [{ role: 'user', content: 'Hello' }]
  const [answer] = await llm.score(messages, ['Well, hello'])
  const open = await llm.tokenize(messages)
  const opened = await llm.tokenize([...messages, { role: 'assistant', content: 'Well, hello' }], {
    continueFinalMessage: true,
    addGenerationPrompt: false,
  })
  t.same(answer?.tokens, [...opened.tokens].slice(open.tokens.length))
  const [same] = await llm.score({ tokens: open.tokens }, [{ tokens: answer?.tokens ?? [] }])
  t.ok(Math.abs((same?.logprob ?? 0) - (answer?.logprob ?? 1)) < 1e-4)
  const text = 'def f(x):\n    return x + 1\n'
  const found = await llm.perplexity(text, { context: 8, stride: 3 })
  t.same(await llm.perplexity({ tokens: await idsOf(text) }, { context: 8, stride: 3 }), found)
})

t.test('wrong calls are refused, and ends are ends', async (t) => {
  const llm = await LLM.load(tiny('tiny-llama-fp32'), { ovConfig: exact })
  const refused = (call: Promise<unknown>, message: RegExp) => t.rejects(call, { name: 'TypeError', message })
  await refused(llm.score('Hello', []), /continuations to be an array of at least one, received an empty one/)
  await refused(llm.score('Hello', 'you' as never), /continuations to be an array/)
  await refused(llm.score('Hello', ['a', '']), /continuations\[1\] to be text that is not empty/)
  await refused(llm.score('Hello', [{ tokens: [] }]), /at least one token/)
  await refused(llm.score({ tokens: [1] }, ['text']), /continuations\[0\] to be \{ tokens \}, like the prompt/)
  await refused(llm.score('', ['text']), /prompt of at least one token/)
  await refused(llm.score('Hello', ['a'], { maxNewTokens: 1 } as never), /unknown option maxNewTokens in ScoreOptions/)
  await refused(llm.perplexity('a'), /at least two tokens/)
  await refused(llm.perplexity([] as never), /expected text to be a string/)
  await refused(llm.perplexity('Hello there', { context: 300 }), /context to be at most 256/)
  await refused(llm.perplexity('Hello there', { context: 8, stride: 9 }), /stride to be at most context, which is 8/)
  await refused(llm.perplexity('Hello there', { context: 1 }), /expected context to be an integer from 2/)
  await t.rejects(llm.score({ tokens: [1] }, [{ tokens: [512] }]), { code: 'ERR_TOKEN_ID' })
  await t.rejects(llm.score({ tokens: Array(256).fill(9) }, [{ tokens: [1] }]), { code: 'ERR_CONTEXT_LENGTH' })
  const controller = new AbortController()
  const text = { tokens: Array.from({ length: 2000 }, (_, i) => i % 500) }
  const aborted = llm.perplexity(text, { stride: 1, signal: controller.signal })
  controller.abort(new Error('enough'))
  await t.rejects(aborted, { message: 'enough' })
  await t.rejects(llm.perplexity(text, { stride: 1, timeout: 1 }), { code: 'ERR_TIMEOUT' })
  const closing = t.rejects(llm.perplexity(text, { stride: 1 }), { code: 'ERR_CLOSED' })
  await llm.close()
  await closing
  await t.rejects(llm.score('Hello', ['a']), { code: 'ERR_CLOSED' })
})
