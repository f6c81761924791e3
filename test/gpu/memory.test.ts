import t from 'tap'
import { estimate, LLM, type LoadOptions } from '#lib/index.js'
import { tiny } from '../llm/fixtures.js'
import { EmulatedGpu } from './emulated-gpu.js'

// Bytes that the device was asked for, beside those that we tell.

const gpu = new EmulatedGpu()
t.teardown(() => gpu[Symbol.dispose]())
const folder = tiny('tiny-llama-fp32')
const onGpu = { device: 'GPU', precision: 'f32' } as const

/** Bytes of a load, before and after it has computed the longest request that the model takes, and those that it tells. */
async function taken(options: LoadOptions = {}) {
  const before = gpu.get('bytes')
  await using llm = await LLM.load(folder, { ...onGpu, engine: 'paged', ...options })
  const loaded = gpu.get('bytes') - before
  const { contextLength, kvCache } = llm.info
  const tokens = Array.from({ length: contextLength - 8 }, (_, i) => 5 + (i % 400))
  await llm.generate({ tokens }, { temperature: 0, ignoreEos: true, maxNewTokens: 8 })
  return { loaded, full: gpu.get('bytes') - before, told: kvCache.bytes }
}

t.test('the paged KV cache takes what info tells, all at once, and nothing is left after close', async (t) => {
  const before = gpu.get('bytes')
  const [small, large] = [await taken({ kvCacheBytes: 1e6 }), await taken({ kvCacheBytes: 9e6 })]
  t.equal(gpu.get('bytes'), before)
  t.ok(large.told - small.told > 7e6)
  t.equal(large.loaded - small.loaded, large.told - small.told)
  t.equal(large.full - small.full, large.told - small.told)
})

t.test('estimate() reckons what the device is asked for', async (t) => {
  const { loaded, full, told } = await taken()
  const { weights, kvCache, activations } = await estimate(folder, onGpu)
  t.equal(told, kvCache)
  const least = weights.packed + kvCache
  for (const bytes of [loaded, full]) {
    t.ok(bytes >= least && bytes <= least + activations, `${bytes} of ${least} to ${least + activations}`)
  }
})
