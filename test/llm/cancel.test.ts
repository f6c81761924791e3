import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { loadTiny } from './fixtures.js'

const greedy = { temperature: 0, ignoreEos: true } as const

t.test('whatever is cancelled when, the answers that follow are exact', async (t) => {
  await using llm = await loadTiny()
  let state = 11
  const random = (n: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * n)
  }
  const lengths = [3, 17, 40, 64, 100, 150, 180, 200]
  const prompts = lengths.map((length) => ({ tokens: Array.from({ length }, () => 10 + random(500)) }))
  const options = { ...greedy, maxNewTokens: 6 }
  const expected = await Promise.all(prompts.map(async (prompt) => (await llm.generate(prompt, options)).tokens))
  const reason = new Error('cancelled by the test')
  let cancelled = 0
  for (let round = 0; round < 400; round++) {
    const which = random(prompts.length)
    const prompt = prompts[which] as (typeof prompts)[number]
    if (random(3) === 0) {
      t.same((await llm.generate(prompt, options)).tokens, expected[which], `round ${round}, prompt ${which}`)
      continue
    }
    const controller = new AbortController()
    const { result } = llm.stream(prompt, { ...greedy, signal: controller.signal })
    for (let turns = random(8); turns > 0; turns--) await turn()
    controller.abort(reason)
    await result.then(
      () => {},
      (error) => {
        if (error !== reason) throw error
        cancelled++
      },
    )
  }
  t.ok(cancelled > 100, `${cancelled} cancelled`)
})

t.test('a cancelled request in the queue never runs, the others keep their order', async (t) => {
  await using llm = await loadTiny()
  const ended: number[] = []
  const controllers = Array.from({ length: 6 }, () => new AbortController())
  const requests = controllers.map(({ signal }, i) =>
    llm.generate({ tokens: [10 + i] }, { ...greedy, maxNewTokens: 100, signal }).then(
      () => ended.push(i),
      () => ended.push(-i),
    ),
  )
  controllers[2]?.abort()
  controllers[4]?.abort()
  await Promise.all(requests)
  t.same(ended.filter((i) => i < 0).sort(), [-2, -4])
  t.same(
    ended.filter((i) => i >= 0),
    [0, 1, 3, 5],
  )
})
