import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { demoModelPath } from '#lib/cache/root.js'
import { LLM } from '#lib/index.js'
import { exact } from '../llm/fixtures.js'

interface Golden {
  cases: {
    prompt: string
    continuations: { text: string; tokens: number[]; logprobs: number[]; isGreedy: boolean }[]
  }[]
  text: string
  perplexity: { context: number; stride: number; tokens: number; perplexity: number }[]
}
/** Computed with transformers in f32 on the same weights, dequantised. */
const golden = JSON.parse(readFileSync('test/fixtures/golden/scores-smollm2.json', 'utf8')) as Golden
const gguf = demoModelPath()
const skip = existsSync(gguf) ? false : `the demo model is not here: npm run demo fetches it (${gguf})`

for (const engine of ['paged', 'stateful'] as const) {
  t.test(`${engine}: scores of forty sentences equal those of transformers within 1e-3`, { skip }, async (t) => {
    await using llm = await LLM.load(gguf, { cpuKernel: 'builtin', ovConfig: exact, engine, onWarning: () => {} })
    t.equal(golden.cases.flatMap(({ continuations }) => continuations).length, 40)
    let worst = 0
    for (const { prompt, continuations } of golden.cases) {
      const scores = await llm.score(
        prompt,
        continuations.map(({ text }) => text),
      )
      for (const [i, { text, tokens, logprobs, isGreedy }] of continuations.entries()) {
        const score = scores[i]
        t.same([score?.tokens, score?.isGreedy], [tokens, isGreedy], text)
        const differences = logprobs.map((value, j) => Math.abs(value - (score?.logprobs[j] ?? 0)))
        const sum = logprobs.reduce((total, value) => total + value, 0)
        worst = Math.max(worst, Math.abs((score?.logprob ?? 0) - sum), ...differences)
      }
    }
    t.comment(`largest difference: ${worst}`)
    t.ok(worst < 1e-3, `${worst}`)
    for (const { context, stride, ...expected } of golden.perplexity) {
      const found = await llm.perplexity(golden.text, { context, stride })
      t.equal(found.tokens, expected.tokens)
      const difference = Math.abs(found.perplexity / expected.perplexity - 1)
      t.ok(difference < 1e-4, `context ${context}, stride ${stride}: ${difference}`)
    }
  })
}
