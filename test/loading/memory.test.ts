import t from 'tap'
import { LLM, type LoadOptions } from '#lib/index.js'
import { settleDevice } from '#lib/loading/device.js'
import { needsOf, reserveMemory } from '#lib/loading/memory.js'
import { openModel } from '#lib/loading/open-model.js'
import { MemoryReservations } from '#lib/memory/reservation.js'
import { readFolder } from '#lib/model/folder.js'
import { tiny } from '../llm/fixtures.js'

const folder = tiny('tiny-llama-fp32')
const f32: LoadOptions = { ovConfig: { INFERENCE_PRECISION_HINT: 'f32' }, kvCachePrecision: 'f32' }

/** A process that has `bytes` and takes nothing. */
const memoryOf = (bytes: number) => new MemoryReservations({ available: () => bytes, taken: () => 0 })

async function rig(helped = false) {
  const definition = await readFolder(folder)
  const models = { definition, draft: helped ? definition : undefined }
  const device = await settleDevice(f32, definition, 1e12)
  const { total, weights } = await needsOf(models, device, { contextLength: 1 })
  const reserve = (memory: MemoryReservations, options: LoadOptions = {}) =>
    reserveMemory(models, device, { ...f32, ...options }, memory)
  return { needed: total - weights.mapped, reserve }
}

t.test('a load is refused when it cannot fit, with the numbers', async (t) => {
  const { needed, reserve } = await rig()
  await reserve(memoryOf(needed))
  await t.rejects(reserve(memoryOf(needed - 1)), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /tiny-llama-fp32: needs about 0\.\d\d GB .*weights .*KV cache .*are available; ignoreMemory: true/,
  })
  await t.rejects(reserve(memoryOf(needed), { contextLength: 256 }), { code: 'ERR_OUT_OF_MEMORY' })
  await reserve(memoryOf(0), { ignoreMemory: true })
  await t.rejects(LLM.load(folder, { ...f32, kvCacheBytes: 1e15 }), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /1000000\.00 GB/,
  })
})

t.test('a draft model is counted in', async (t) => {
  const { needed, reserve } = await rig(true)
  await reserve(memoryOf(needed))
  await t.rejects(reserve(memoryOf(needed - 1)), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /tiny-llama-fp32 and .*tiny-llama-fp32: needs about/,
  })
})

t.test('two loads at once do not both count on the same memory', async (t) => {
  const { needed, reserve } = await rig()
  const memory = memoryOf(2 * needed - 1)
  const both = await Promise.allSettled([reserve(memory), reserve(memory)])
  const refused = both.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  const message = /are available, beside 0\.\d\d GB that other loads have reserved/
  t.match(refused, [{ code: 'ERR_OUT_OF_MEMORY', message }])
  t.equal(refused.length, 1)
  for (const each of both) if (each.status === 'fulfilled') each.value.release()
  await reserve(memory)
})

t.test('a quick upper bound does not stand in the way of another load', async (t) => {
  const { needed, reserve } = await rig()
  const memory = memoryOf(2e9)
  await reserve(memory)
  t.ok(memory.reserved > 1.5e9, 'there was room for more than any such model needs')
  await reserve(memory)
  t.equal(memory.reserved, 2 * needed)
})

t.test(
  'models that are loaded at once: one is refused, and the memory is free after the other is loaded',
  async (t) => {
    const { needed } = await rig()
    const memory = memoryOf(2 * needed - 1)
    const open = (options: LoadOptions = {}) => openModel(folder, { ...f32, ...options }, () => {}, memory)
    const loads = await Promise.allSettled([open(), open()])
    const opened = loads.flatMap((load) => (load.status === 'fulfilled' ? [load.value] : []))
    const refused = loads.flatMap((load) => (load.status === 'rejected' ? [load.reason] : []))
    t.equal(opened.length, 1)
    t.match(refused, [{ code: 'ERR_OUT_OF_MEMORY', message: /other loads have reserved/ }])
    t.equal(memory.reserved, 0, 'what is loaded shows in the memory that is available')
    for (const { engine, text } of opened) await Promise.all([engine.close(), text.close()])

    const controller = new AbortController()
    const reason = new Error('no more')
    const onProgress = () => controller.abort(reason)
    await t.rejects(open({ signal: controller.signal, onProgress }), reason)
    t.equal(memory.reserved, 0, 'after an abort')
    await t.rejects(open({ ovConfig: { NO_SUCH: 1 } }), { code: 'ERR_PROPERTY' })
    t.equal(memory.reserved, 0, 'after a failure')
  },
)

t.test('ignoreMemory leaves it to the addon', async (t) => {
  const loading = LLM.load(folder, { ...f32, engine: 'paged', kvCacheBytes: 1e18, ignoreMemory: true })
  await t.rejects(loading, { code: 'ERR_OUT_OF_MEMORY', message: /cannot be reserved/ })
})
