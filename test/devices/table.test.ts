import t from 'tap'
import { type Candidate, chooseDevice, deviceKind, prefillChunk, staticShapes } from '#lib/devices/table.js'

t.test('every OpenVINO device string has its kind', async (t) => {
  for (const device of ['CPU', 'GPU', 'GPU.1']) t.match(deviceKind(device), { paged: true, gatherRows: true })
  for (const device of ['NPU', 'NPU.0']) {
    t.match(deviceKind(device), { paged: false, gatherRows: false, staticShapes: true, cachesModels: true })
  }
  for (const device of ['AUTO:GPU,CPU', 'HETERO:GPU.1,CPU', 'MULTI:CPU', 'BATCH:GPU(4)']) {
    t.match(deviceKind(device), { paged: false, gatherRows: true, staticShapes: false, cachesModels: false })
  }
  t.equal(deviceKind('CPU').cachesModels, false)
  t.equal(deviceKind('GPU').cachesModels, true)
  t.match(
    [deviceKind('CPU').properties, deviceKind('GPU').properties],
    [{ PERFORMANCE_HINT: 'LATENCY' }, { PERFORMANCE_HINT: 'LATENCY' }],
  )
  for (const wrong of ['', 'cpu', 'TPU', 'GPU.x', 'CPU:1', 'HETERO', 'AUTO', 'AUTO:']) {
    t.throws(() => deviceKind(wrong), { code: 'ERR_DEVICE', message: /option device: expected .*found/ }, wrong)
  }
})

const gpu = (name: string, type: string, bytes: number): Candidate => ({
  name,
  properties: { DEVICE_TYPE: type, GPU_DEVICE_TOTAL_MEM_SIZE: String(bytes) },
  error: '',
})
const cpu: Candidate = { name: 'CPU', properties: {}, error: '' }
const npu: Candidate = { name: 'NPU', properties: {}, error: '' }

t.test('AUTO: discrete GPU, integrated GPU, CPU; the first that the model fits', async (t) => {
  const integrated = gpu('GPU.0', 'integrated', 30e9)
  const discrete = gpu('GPU.1', 'discrete', 12e9)
  const all = [cpu, integrated, discrete, npu]
  t.match(chooseDevice(all, 8e9, 32e9), { device: 'GPU.1', reason: /GPU\.1 is discrete and has 12\.0 GB for 8\.0 GB/ })
  t.match(chooseDevice(all, 16e9, 32e9), {
    device: 'GPU.0',
    reason: /GPU\.1 is discrete and has 12\.0 GB, less than 16\.0 GB; GPU\.0 is integrated and has 30/,
  })
  t.match(chooseDevice(all, 16e9, 10e9), {
    device: 'CPU',
    reason: /GPU\.0 is integrated and has 10\.0 GB, less than 16/,
  })
  t.same(chooseDevice([cpu, npu], 1, 1e9), { device: 'CPU', reason: 'there is no GPU' })
  t.match(chooseDevice([cpu, { ...discrete, error: 'driver' }], 1, 1e9), { device: 'CPU', reason: /no GPU/ })
  t.match(chooseDevice([cpu, { ...discrete, properties: {} }], 1, 1e9), { device: 'CPU', reason: /does not tell/ })
})

t.test('prefill chunks shrink with the model, and are a whole prompt where lengths are fixed', async (t) => {
  t.equal(prefillChunk(deviceKind('CPU'), 1e6, 'paged'), 256)
  t.equal(prefillChunk(deviceKind('CPU'), 1e6, 'stateful'), 2048)
  t.equal(prefillChunk(deviceKind('CPU'), 8e9, 'paged'), 64)
  t.equal(prefillChunk(deviceKind('GPU'), 1e6, 'paged'), 1024)
  t.ok(prefillChunk(deviceKind('NPU'), 8e9, 'stateful') > 1e6)
})

t.test('fixed lengths: as asked for, within the context', async (t) => {
  t.same(staticShapes({}, 4096), { maxPrompt: 1024, minResponse: 128 })
  t.same(staticShapes({}, 256), { maxPrompt: 128, minResponse: 128 })
  t.same(staticShapes({}, 2), { maxPrompt: 1, minResponse: 1 })
  t.same(staticShapes({ contextLength: 3000 }, 4096), { maxPrompt: 2872, minResponse: 128 })
  t.same(staticShapes({ maxPromptLength: 3000, minResponseLength: 1000 }, 4096), { maxPrompt: 3000, minResponse: 1000 })
  t.throws(() => staticShapes({ maxPromptLength: 4000 }, 4096), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /maxPromptLength and minResponseLength: .*4096 tokens, found 4000 and 128/,
  })
  t.throws(() => staticShapes({ minResponseLength: 300 }, 256), { code: 'ERR_CONTEXT_LENGTH' })
})
