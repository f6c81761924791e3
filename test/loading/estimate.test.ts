import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { estimate, LLM } from '#lib/index.js'
import { loadTiny, tiny } from '../llm/fixtures.js'

const folder = tiny('tiny-llama-fp32')
const f32 = { ovConfig: { INFERENCE_PRECISION_HINT: 'f32' }, kvCachePrecision: 'f32' } as const

t.test('an estimate is made of what the graph holds', async (t) => {
  await using llm = await loadTiny()
  const { weights, kvCache, available, fits } = await estimate(folder, { ...f32, contextLength: 100, concurrency: 3 })
  const sum = Object.values(llm.info.weights).reduce((a, b) => a + b, 0)
  t.equal(weights.packed, sum)
  t.equal(weights.mapped, statSync(join(folder, 'openvino_model.bin')).size)
  const { bytes, tokens } = (await loaded()).kvCache
  t.equal(kvCache, (bytes / tokens) * 300)
  t.ok(available > 0)
  t.equal(fits, true)
})

/** The tiny model on the paged engine, whose KV cache has a size. */
async function loaded() {
  await using llm = await LLM.load(folder, { ...f32, engine: 'paged' })
  return llm.info
}

t.test('a draft model is counted in', async (t) => {
  const alone = await estimate(folder, { ...f32, contextLength: 100 })
  const helped = await estimate(folder, { ...f32, contextLength: 100, draftModel: folder })
  t.equal(helped.weights.packed, 2 * alone.weights.packed)
  t.equal(helped.kvCache, 2 * alone.kvCache)
  t.ok(helped.runtime > alone.runtime)
  t.ok(helped.runtime < 1.5 * alone.runtime, 'libraries and tokenizer are there once')
})

t.test('misuse', async (t) => {
  await t.rejects(estimate(folder, { concurrency: 0 }), { name: 'TypeError', message: /concurrency/ })
  await t.rejects(estimate(folder, { maxNewTokens: 1 } as object), { name: 'TypeError', message: /maxNewTokens/ })
  await t.rejects(estimate(folder, { device: 'TOASTER' }), { code: 'ERR_DEVICE' })
  await t.rejects(estimate('nowhere'), { code: 'ERR_MODEL_NOT_FOUND' })
})
