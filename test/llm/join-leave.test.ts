import t from 'tap'
import type { Engine } from '#lib/engine/engine.js'
import { params } from '../engine/scripted.js'
import { goldenTiny } from './fixtures.js'
import { type Answered, answerOf, startTiny } from './runners.js'

// The rows of a batch come and go: what a sequence answers must not hang on who is beside it, nor on who was.

const golden = goldenTiny()
/** Tokens of an answer at which others are told of it. */
const heard = 3

/** One answer. `beside` is called once, when its first tokens are there, with what cancels it. */
function ask(engine: Engine, prompt: number[], maxNewTokens: number, beside: (cancel: () => void) => void) {
  return new Promise<Pick<Answered, 'tokens' | 'reason'>>((resolve, reject) => {
    const tokens: number[] = []
    let told = false
    const [id = 0] = engine.submit(Int32Array.from(prompt), params({ maxNewTokens }), [
      {
        tokens: (more) => {
          tokens.push(...more)
          if (told || tokens.length < heard) return
          told = true
          beside(() => engine.cancel(id))
        },
        finished: (reason) => resolve({ tokens, reason }),
        failed: reject,
      },
    ])
  })
}

for (const [folder, name, context] of [
  ['tiny-llama-fp32', 'tiny-llama', 256],
  ['tiny-phi3-sw16-fp32', 'tiny-phi3-sw16', 256],
  // Its position factors change at 32 tokens: sequences leave one batch for another.
  ['tiny-phi3-longrope-fp32', 'tiny-phi3-longrope', 128],
] as const) {
  const prompts = (golden[name]?.cases ?? []).map(({ prompt }) => prompt).filter(({ length }) => length <= context - 64)

  /** What an engine that computes one sequence at a time answers. */
  const alone = async (asked: readonly (readonly [prompt: number[], maxNewTokens: number])[]) => {
    const engine = await startTiny(folder, 'stateful', { maxSequences: 1 })
    const answers: number[][] = []
    for (const [prompt, maxNewTokens] of asked) answers.push((await answerOf(engine, prompt, { maxNewTokens })).tokens)
    await engine.close()
    return answers
  }

  t.test(`${folder}: those that leave give their places to others`, async (t) => {
    const lengths = [2, 40, 9, 30, 1, 17, 5, 24]
    const asked = lengths.map((length, i) => [prompts[i % prompts.length] as number[], length] as const)
    const expected = await alone(asked)
    const engine = await startTiny(folder, 'stateful', { maxSequences: 3 })
    const answers = await Promise.all(asked.map(([prompt, maxNewTokens]) => answerOf(engine, prompt, { maxNewTokens })))
    t.same(
      answers.map(({ tokens }) => tokens),
      expected,
    )
    const { generatedTokens, steps } = engine.metrics()
    t.ok(steps < generatedTokens, `${generatedTokens} tokens in ${steps} steps`)
    await engine.close()
  })

  t.test(`${folder}: some join while others answer, and one of them is cancelled`, async (t) => {
    const at = (i: number) => prompts[i] as number[]
    const endless = context - at(0).length
    const asked = [
      [at(0), endless],
      [at(2), 60],
      [at(4), 4],
      [at(1), 30],
    ] as const
    const expected = await alone(asked)
    const engine = await startTiny(folder, 'stateful')
    const answers: Promise<Pick<Answered, 'tokens' | 'reason'>>[] = []
    // The first one is cancelled by the last one; the third has left by then, or leaves soon.
    await new Promise<void>((resolve) => {
      const join = (i: number, cancelFirst: () => void) => {
        const [prompt, maxNewTokens] = asked[i] as (typeof asked)[number]
        answers[i] = ask(engine, prompt, maxNewTokens, (cancel) => {
          if (i < asked.length - 1) return join(i + 1, i === 0 ? cancel : cancelFirst)
          cancelFirst()
          resolve()
        })
      }
      join(0, () => {})
    })
    const [first, ...others] = await Promise.all(answers)
    t.same(first?.tokens, expected[0]?.slice(0, first?.tokens.length))
    t.ok((first?.tokens.length ?? 0) >= heard)
    t.same(
      others.map(({ tokens }) => tokens),
      expected.slice(1),
    )
    // What follows finds no trace of them.
    t.same((await answerOf(engine, at(1), { maxNewTokens: 30 })).tokens, expected[3])
    const { running, waiting } = engine.metrics()
    t.same([running, waiting], [0, 0])
    await engine.close()
  })
}
