import t from 'tap'
import { exact, goldenTiny, loadTiny } from './fixtures.js'

const golden = goldenTiny()
const greedy = { temperature: 0, ignoreEos: true } as const

for (const [name, folder] of [
  ['tiny-llama', 'tiny-llama-fp32'],
  ['tiny-phi3-sw16', 'tiny-phi3-sw16-fp32'],
] as const) {
  t.test(`${folder}: equal to transformers in f32, token by token, beyond the sliding window too`, async (t) => {
    await using llm = await loadTiny(folder)
    const { cases, vocab } = golden[name] as (typeof golden)[string]
    t.equal(llm.info.vocabularySize, vocab)
    t.same([llm.info.precision.inference, llm.info.precision.kvCache], ['f32', 'f32'])
    const answers = await Promise.all(
      cases.map(({ prompt, greedy: expected }) =>
        llm.generate({ tokens: prompt }, { ...greedy, maxNewTokens: expected.length }),
      ),
    )
    cases.forEach((expected, i) => {
      t.same(answers[i]?.tokens, expected.greedy, `case ${i}: prompt of ${expected.prompt.length}`)
    })
  })
}

t.test('int4 and int8 exports run and say what they are', async (t) => {
  for (const [folder, type] of [
    ['tiny-llama', 'u4'],
    ['tiny-phi3', 'u4'],
    ['tiny-phi3-longrope', 'u4'],
    ['tiny-phi3-longrope-int8', 'u8'],
  ] as const) {
    await using llm = await loadTiny(folder)
    t.ok((llm.info.weights[type] ?? 0) > 0, `${folder} has ${type}`)
    const first = await llm.generate({ tokens: [10, 20, 30] }, { ...greedy, maxNewTokens: 12 })
    t.equal(first.tokens.length, 12)
    t.same((await llm.generate({ tokens: [10, 20, 30] }, { ...greedy, maxNewTokens: 12 })).tokens, first.tokens)
  }
})

t.test('a prompt longer than a prefill step, at each length around the step', async (t) => {
  // tiny-phi3-sw16 with 60 tokens is one step; the same prompt grown by turns is many. Both must agree.
  await using llm = await loadTiny('tiny-phi3-sw16-fp32', { ovConfig: exact, engine: 'stateful' })
  const cases = golden['tiny-phi3-sw16']?.cases as { prompt: number[]; greedy: number[] }[]
  const { prompt, greedy: expected } = cases[cases.length - 1] as (typeof cases)[number]
  for (let cut = 1; cut < prompt.length; cut += 7) {
    await llm.generate({ tokens: prompt.slice(0, cut) }, { ...greedy, maxNewTokens: 1 })
    const { tokens, usage } = await llm.generate({ tokens: prompt }, { ...greedy, maxNewTokens: expected.length })
    t.equal(usage.cachedTokens, cut, 'the state held the beginning')
    t.same(tokens, expected)
  }
})
