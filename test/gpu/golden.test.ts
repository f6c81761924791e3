import t from 'tap'
import { goldenTiny } from '../llm/fixtures.js'
import { answerOf, startTiny } from '../llm/runners.js'
import { onGpu } from './emulated-gpu.js'

// In f32 the GPU's kernels give the tokens of transformers: alone, beside others, in chunks, on both sides of LongRoPE's border.

const golden = goldenTiny()

for (const [folder, name, context] of [
  ['tiny-llama-fp32', 'tiny-llama', 256],
  ['tiny-phi3-sw16-fp32', 'tiny-phi3-sw16', 256],
  // Its position factors change at 32 tokens.
  ['tiny-phi3-longrope-fp32', 'tiny-phi3-longrope', 128],
] as const) {
  const cases = (golden[name]?.cases ?? []).map(({ prompt, greedy }) => ({
    prompt,
    greedy: greedy.slice(0, context - prompt.length),
  }))

  for (const runner of ['paged', 'stateful'] as const) {
    t.test(`${folder}, ${runner}: alone, and all together`, async (t) => {
      const engine = await startTiny(folder, runner, { ...onGpu, contextLength: context })
      // The plugin writes beyond its states when a batch of states shrinks.
      t.match(engine.info, { runner, batching: runner === 'paged' ? 'all' : 'none', canFork: runner === 'paged' })
      const answer = async ({ prompt, greedy }: (typeof cases)[number]) =>
        (await answerOf(engine, prompt, { maxNewTokens: greedy.length })).tokens
      for (const each of cases) t.same(await answer(each), each.greedy, `prompt of ${each.prompt.length}`)
      const together = await Promise.all(cases.map(answer))
      t.same(
        together,
        cases.map(({ greedy }) => greedy),
      )
      await engine.close()
    })
  }

  t.test(`${folder}: the prompt in chunks`, async (t) => {
    for (const [runner, size] of [
      ['paged', 1],
      ['paged', 7],
      ['paged', 17],
      ['stateful', 7],
    ] as const) {
      const engine = await startTiny(folder, runner, {
        ...onGpu,
        contextLength: context,
        prefillChunk: size,
        statefulChunk: size,
      })
      const found = await Promise.all(
        cases.map(({ prompt, greedy }) => answerOf(engine, prompt, { maxNewTokens: greedy.length })),
      )
      t.same(
        found.map(({ tokens }) => tokens),
        cases.map(({ greedy }) => greedy),
        `${runner}, chunks of ${size}`,
      )
      await engine.close()
    }
  })
}
