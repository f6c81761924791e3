import { join } from 'node:path'
import t from 'tap'
import { Engine, type EngineListeners } from '#lib/engine/engine.js'
import { LLM, type ModelWarning } from '#lib/index.js'
import { run, scriptedConfig } from '../engine/scripted.js'
import { overflowingModel } from '../model/overflowing-model.js'
import { tiny } from './fixtures.js'

const prompt = [1, 5, 7]
const overflow = /logits that are NaN or infinite/

/** What the sound model answers in f32. */
async function soundAnswer(): Promise<number[]> {
  await using llm = await LLM.load(tiny('tiny-llama-fp32'), { ovConfig: { INFERENCE_PRECISION_HINT: 'f32' } })
  return [...(await llm.generate({ tokens: prompt }, { maxNewTokens: 4 })).tokens]
}

/** Whether this CPU computes in f16, and does not silently compute in f32. */
async function computesInF16(): Promise<boolean> {
  await using llm = await LLM.load(tiny('tiny-llama-fp32'), { ovConfig: { INFERENCE_PRECISION_HINT: 'f16' } })
  return llm.info.precision.inference === 'f16'
}

t.test('a model that overflows in every precision does not load', async (t) => {
  const warnings: ModelWarning[] = []
  const loading = LLM.load(overflowingModel(t, 1e25), { onWarning: (warning) => warnings.push(warning) })
  await t.rejects(loading, { code: 'ERR_NON_FINITE', message: overflow })
  t.same(warnings, [])
})

t.test('a model that overflows in f16', async (t) => {
  const skip = !(await computesInF16()) && 'this CPU does not compute in f16'
  const folder = overflowingModel(t, 1e6)

  await t.test('fails where f16 was asked for', { skip }, async (t) => {
    const loading = LLM.load(folder, { ovConfig: { INFERENCE_PRECISION_HINT: 'f16' } })
    await t.rejects(loading, { code: 'ERR_NON_FINITE', message: / in f16.*INFERENCE_PRECISION_HINT=f32/ })
  })

  for (const runner of ['paged', 'stateful'] as const) {
    for (const [when, warmup] of [
      ['while it loads', [1]],
      ['while it answers', []],
    ] as const) {
      await t.test(`is compiled in f32 ${when} (${runner}), with one warning`, { skip }, async (t) => {
        const warnings: string[] = []
        const listeners: EngineListeners = { onWarning: (code, message) => warnings.push(`${code}: ${message}`) }
        const config = {
          ...scriptedConfig(),
          runner,
          modelPath: join(folder, 'openvino_model.xml'),
          properties: ['INFERENCE_PRECISION_HINT=f16'],
          precisionFallback: ['ACTIVATIONS_SCALE_FACTOR=8', 'INFERENCE_PRECISION_HINT=f32'],
          gatherRows: true,
          kvTokens: 512,
          kvBytes: 1e9,
          warmup: Int32Array.from(warmup),
        }
        const engine = await Engine.start(config, listeners)
        t.equal(engine.info.properties['INFERENCE_PRECISION_HINT'], warmup.length > 0 ? 'f32' : 'f16')
        const { tokens } = await run(engine, prompt).outcome
        t.same(tokens, await soundAnswer())
        t.equal(engine.info.properties['INFERENCE_PRECISION_HINT'], 'f32')
        t.equal(warnings.length, 1)
        t.match(warnings[0], /^non-finite: .*compiled again with INFERENCE_PRECISION_HINT=f32, which helped/)
        await engine.close()
      })
    }
  }
})
