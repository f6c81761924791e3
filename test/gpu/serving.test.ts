import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type GenerationOptions, LLM, type LoadOptions } from '#lib/index.js'
import { fromRenamed } from '#lib/options/hugging-face.js'
import { goldenTiny, tiny } from '../llm/fixtures.js'
import { nextResidency as next } from '../llm/residency.js'

// What a server does with a model: many requests at once, several answers, drafts, and coming back after a rest.

const cases = goldenTiny()['tiny-llama']?.cases ?? []
const { prompt = [], greedy = [] } = cases.find(({ prompt }) => prompt.length === 20) ?? {}
const request = { tokens: prompt }
const exactly = { temperature: 0, ignoreEos: true, maxNewTokens: 12 } as const
const load = (options: LoadOptions = {}) =>
  LLM.load(tiny('tiny-llama-fp32'), { device: 'GPU', precision: 'f32', kvCachePrecision: 'f32', ...options })

t.test('the second load takes the compiled model of the first', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'compiled-on-gpu-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const answer = async () => {
    await using llm = await load({ ovConfig: { CACHE_DIR: folder } })
    t.same((await llm.generate(request, exactly)).tokens, greedy.slice(0, 12))
    const blobs = readdirSync(folder).filter((name) => name.endsWith('.blob'))
    t.equal(blobs.length, 1)
    return join(folder, String(blobs[0]))
  }
  const blob = await answer()
  const { ino, mtimeMs } = statSync(blob)
  await answer()
  t.match(statSync(blob), { ino, mtimeMs }, 'nothing was compiled, or it would have been written again')
  rmSync(blob)
  t.equal(await answer(), blob, 'as it is when it is gone')
})

t.test('an idle model leaves memory and comes back', async (t) => {
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await load({ engine, unloadAfter: 0.001 })
    await next('unload')
    t.equal(llm.info.residency, 'unloaded')
    const again = [next('load'), next('unload')]
    t.same((await llm.generate(request, exactly)).tokens, greedy.slice(0, 12), engine)
    await Promise.all(again)
  }
})

t.test('mixed requests at once are those alone', async (t) => {
  await using llm = await load({ engine: 'paged', maxSequences: 8 })
  const mixed = Array.from({ length: 120 }, (_, i) => {
    const { prompt = [] } = cases[i % cases.length] ?? {}
    const tokens = [...prompt.slice(0, 1 + ((i * 7) % prompt.length)), 3 + (i % 400)]
    const sampling: GenerationOptions[] = [
      { temperature: 0 },
      { temperature: 1.2, seed: i },
      { temperature: 0.8, topK: 20, topP: 0.9, seed: i },
      { temperature: 0, repetitionPenalty: 1.3 },
    ]
    return { tokens, options: { ignoreEos: true, maxNewTokens: 2 + (i % 9), ...sampling[i % 4] } }
  })
  const answer = async ({ tokens, options }: (typeof mixed)[number]) => (await llm.generate({ tokens }, options)).tokens
  const together = await Promise.all(mixed.map(answer))
  for (const [i, each] of mixed.entries()) t.same(together[i], await answer(each), `request ${i}`)
  t.match(llm.metrics(), { running: 0, waiting: 0, blocksUsed: 0 })
})

t.test('beams are those of transformers', async (t) => {
  await using llm = await load({ engine: 'paged' })
  interface Golden {
    prompt: number[]
    ends: number[]
    options: Record<string, unknown>
    answers: { tokens: number[]; stopped: boolean }[]
  }
  const golden: Golden[] = JSON.parse(readFileSync('test/fixtures/golden/beams.json', 'utf8'))
  for (const { prompt, ends, options, answers: expected } of golden.slice(0, 8)) {
    const { answers } = await llm.generate(
      { tokens: prompt },
      {
        ...fromRenamed(options),
        numReturnSequences: options['num_return_sequences'] as number,
        ignoreEos: true,
        stopTokenIds: ends,
      },
    )
    const found = answers.map(({ tokens, finishReason }) => (finishReason === 'stop' ? tokens.slice(0, -1) : tokens))
    t.same(
      found,
      expected.map(({ tokens }) => tokens),
    )
  }
})

t.test('a draft model on the GPU changes no token', async (t) => {
  await using llm = await load({ draftModel: tiny('tiny-llama-fp32') })
  let guessed = 0
  for (const { prompt, greedy } of cases) {
    const { tokens, usage } = await llm.generate({ tokens: prompt }, { ...exactly, maxNewTokens: greedy.length })
    t.same(tokens, greedy, `prompt of ${prompt.length}`)
    guessed += usage.draftTokens
  }
  t.comment(`${guessed} tokens were guessed, as far as steps cost less so`)
})
