import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { exact } from '../llm/fixtures.js'

// Tiny exports that must not be paged, and why; test/fixtures/README.md says how they were made.
const folder = 'test/fixtures/architectures'
const causes: Record<string, RegExp> = {
  marian: /its positions would be those of the whole step/,
}

interface Turn {
  prompt: number[]
  answer: number[]
}

t.test('what cannot be paged equals transformers on the stateful engine', async (t) => {
  t.strictSame(readdirSync(folder).sort(), Object.keys(causes).sort())
  for (const [name, runnerReason] of Object.entries(causes)) {
    await t.test(name, async (t) => {
      const golden = JSON.parse(readFileSync(`${folder}/${name}/golden.json`, 'utf8')) as Record<
        'first' | 'second',
        Turn[]
      >
      await using llm = await LLM.load(`${folder}/${name}`, { ovConfig: exact, kvCachePrecision: 'f32' })
      t.match(llm.info, { runner: 'stateful', runnerReason })
      const answers = (turns: Turn[]) =>
        Promise.all(
          turns.map(async ({ prompt, answer }) => {
            const options = { maxNewTokens: answer.length, temperature: 0, ignoreEos: true, forcedEosTokenId: [] }
            return (await llm.generate({ tokens: prompt }, options)).tokens
          }),
        )
      for (const turns of [golden.first, golden.second]) {
        t.strictSame(
          await answers(turns),
          turns.map(({ answer }) => answer),
        )
      }
    })
  }
})
