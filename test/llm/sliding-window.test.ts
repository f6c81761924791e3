import t from 'tap'
import type { Engine } from '#lib/engine/engine.js'
import { answerOf, startTiny } from './runners.js'

// tiny-phi3-sw16 sees 16 tokens back. Runners and chunks must agree far beyond that, where most of the cache lies behind the window: the
// golden answers (runners-agree) end at 90 tokens.

const folder = 'tiny-phi3-sw16-fp32'
const answerTokens = 40

/** Made-up ids, other ones for each length. */
const promptOf = (length: number) => Array.from({ length }, (_, i) => 3 + ((i * i * 7 + i * 31 + length * 13) % 500))
const prompts = [15, 16, 17, 31, 33, 100, 203, 450].map(promptOf)

const answer = async (engine: Engine, prompt: readonly number[]) =>
  (await answerOf(engine, prompt, { maxNewTokens: answerTokens })).tokens

let expected: number[][]

t.before(async () => {
  // The stateful runner with each prompt in one step.
  const engine = await startTiny(folder, 'stateful', { statefulChunk: 512 })
  expected = []
  for (const prompt of prompts) expected.push(await answer(engine, prompt))
  await engine.close()
})

t.test('what lies behind the window does not count, what lies within does', async (t) => {
  const engine = await startTiny(folder, 'paged')
  const [long = []] = prompts.slice(-1)
  // Two layers see 2 * 15 tokens back.
  const changedAt = async (back: number) => {
    const changed = [...long]
    const place = changed.length - 1 - back
    changed[place] = ((changed[place] as number) + 100) % 500
    return (await answerOf(engine, changed, { maxNewTokens: 8 })).tokens
  }
  const whole = expected.at(-1)?.slice(0, 8)
  for (const back of [400, 100, 31]) t.same(await changedAt(back), whole, `another token ${back} back`)
  const near = await Promise.all([1, 5, 14].map(changedAt))
  t.ok(
    near.some((tokens) => tokens.join() !== whole?.join()),
    'another token within the window',
  )
  await engine.close()
})

t.test('prompts in chunks smaller and larger than the window, alone', async (t) => {
  for (const [runner, sizes] of [
    ['paged', [1, 7, 15, 16, 17, 64, 512]],
    ['stateful', [7, 16, 33]],
  ] as const) {
    for (const size of sizes) {
      const engine = await startTiny(folder, runner, { prefillChunk: size, statefulChunk: size })
      for (const [i, prompt] of prompts.entries()) {
        t.same(await answer(engine, prompt), expected[i], `${runner}, chunks of ${size}, prompt of ${prompt.length}`)
      }
      await engine.close()
    }
  }
})

t.test('in batches, with guesses, behind a shared beginning and with a cache that is too small', async (t) => {
  for (const config of [{}, { prefillChunk: 11 }, { maxSequences: 3, kvTokens: 512 }]) {
    const engine = await startTiny(folder, 'paged', config)
    for (const lookupTokens of [0, 6]) {
      const wanted = { maxNewTokens: answerTokens, lookupNgram: lookupTokens > 0 ? 2 : 0, lookupTokens }
      const answers = await Promise.all([...prompts, ...prompts].map((prompt) => answerOf(engine, prompt, wanted)))
      for (const [i, { tokens }] of answers.entries()) {
        const at = i % prompts.length
        t.same(tokens, expected[at], `${JSON.stringify(config)}, prompt of ${prompts[at]?.length}`)
      }
    }
    const { prefixHits, evictions } = engine.metrics()
    t.ok('kvTokens' in config ? evictions > 0 : prefixHits > 0, `${prefixHits} prefix hits, ${evictions} evictions`)
    await engine.close()
  }
})
