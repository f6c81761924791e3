import { readFileSync } from 'node:fs'
import t from 'tap'
import { fromRenamed } from '#lib/options/hugging-face.js'
import { loadTiny } from './fixtures.js'

interface Golden {
  prompt: number[]
  ends: number[]
  options: Record<string, unknown>
  answer: number[]
}
const golden: Golden[] = JSON.parse(readFileSync('test/fixtures/golden/sampling.json', 'utf8'))

t.test('greedy answers with logits processors equal those of transformers, guessed or not', async (t) => {
  t.ok(golden.length >= 20)
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await loadTiny('tiny-llama-fp32', { engine })
    for (const promptLookup of engine === 'paged' ? [false, true] : [false]) {
      await Promise.all(
        golden.map(async ({ prompt, ends, options, answer }) => {
          const { tokens } = await llm.generate(
            { tokens: prompt },
            {
              ...fromRenamed(options),
              temperature: 0,
              maxNewTokens: 24,
              ignoreEos: true,
              stopTokenIds: ends,
              promptLookup,
            },
          )
          t.same(tokens, answer, `${engine}, ${JSON.stringify(options)}`)
        }),
      )
    }
  }
})

t.test('minLength counts the prompt', async (t) => {
  await using llm = await loadTiny()
  const prompt = { tokens: [20, 30, 40, 50, 60] }
  const free = (await llm.generate(prompt, { temperature: 0, maxNewTokens: 4, ignoreEos: true })).tokens
  const last = free[3] as number
  t.equal(free.indexOf(last), 3)
  const options = { temperature: 0, maxNewTokens: 12, stopTokenIds: [last] }
  t.same((await llm.generate(prompt, { ...options, minLength: 8 })).tokens, free)
  t.ok((await llm.generate(prompt, { ...options, minLength: 9 })).tokens.length > 4)
})

t.test('drawn answers with all options are the same with guessing and without', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged' })
  const options = {
    temperature: 0.4,
    topK: 40,
    topP: 0.95,
    minP: 0.01,
    typicalP: 0.98,
    epsilonCutoff: 0.001,
    etaCutoff: 0.001,
    xtcProbability: 0.1,
    // Makes it repeat itself, so that guesses are right. Whether it guesses at all depends on what steps cost, so nothing counts them here.
    repetitionPenalty: 0.5,
    presencePenalty: 0.2,
    frequencyPenalty: -0.3,
    dryMultiplier: 0.1,
    dryBase: 1.1,
    dryAllowedLength: 6,
    noRepeatNgramSize: 30,
    badWordsIds: [[20, 30]],
    logitBias: { 40: 1 },
    minNewTokens: 20,
    maxNewTokens: 80,
  }
  for (let seed = 0; seed < 8; seed++) {
    const prompt = { tokens: [10 + seed, 11, 12, 10 + seed, 11, 12, 10 + seed] }
    const plain = await llm.generate(prompt, { ...options, seed })
    const guessed = await llm.generate(prompt, { ...options, seed, promptLookup: { maxNgram: 2, maxTokens: 4 } })
    t.same(guessed.tokens, plain.tokens, `seed ${seed}`)
  }
})
