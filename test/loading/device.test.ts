import t from 'tap'
import { checkDeviceOptions, settleDevice } from '#lib/loading/device.js'
import { readFolder } from '#lib/model/folder.js'
import { tiny } from '../llm/fixtures.js'

const definition = await readFolder(tiny('tiny-llama-fp32'))

t.test('a device that was named, with its defaults under what was asked for', async (t) => {
  const cpu = await settleDevice({ threads: 2, kvCachePrecision: 'f16' }, definition, 0)
  t.match(cpu, { name: 'CPU', reason: '', kind: { pagedCache: Object }, kvPrecision: 'f16' })
  t.same(cpu.asked, { INFERENCE_NUM_THREADS: 2, KV_CACHE_PRECISION: 'f16' })
  t.match(cpu.properties, { PERFORMANCE_HINT: 'LATENCY', INFERENCE_NUM_THREADS: 2, KV_CACHE_PRECISION: 'f16' })
  const gpu = await settleDevice({ device: 'GPU.1', ovConfig: { PERFORMANCE_HINT: 'THROUGHPUT' } }, definition, 0)
  t.match(gpu, { name: 'GPU.1', kind: { cachesModels: true }, kvPrecision: 'f16' })
  t.same(gpu.properties, { PERFORMANCE_HINT: 'THROUGHPUT' }, 'its threads are its own business')
  const inF32 = async (device: string, more = {}) =>
    (await settleDevice({ device, precision: 'f32', ...more }, definition, 0)).kvPrecision
  t.equal(await inF32('GPU'), 'f32', 'kernels of a GPU in f32 take no other')
  t.equal(await inF32('GPU', { kvCachePrecision: 'u8' }), 'u8')
  t.equal(await inF32('CPU'), 'u8')
  await t.rejects(settleDevice({ device: 'TOASTER' }, definition, 0), { code: 'ERR_DEVICE' })
})

t.test('AUTO takes a device that is there, and says why', async (t) => {
  const auto = await settleDevice({ device: 'AUTO' }, definition, 0)
  t.match(auto, { name: /^(CPU|GPU)/, reason: /^option device AUTO: / })
})

t.test('misuse is reported before a model is read', async (t) => {
  t.throws(() => checkDeviceOptions({ device: 'TOASTER' }), { code: 'ERR_DEVICE' })
  t.throws(() => checkDeviceOptions({ threads: 2, reserveCore: true }), TypeError)
  t.throws(() => checkDeviceOptions({ minResponseLength: 2 }), { name: 'TypeError', message: /NPU, received CPU/ })
  t.throws(() => checkDeviceOptions({ ovConfig: { lower: 1 } }), { name: 'TypeError', message: /property names/ })
  checkDeviceOptions({ device: 'NPU', minResponseLength: 2 })
  checkDeviceOptions({ device: 'AUTO', minResponseLength: 2 })
})
