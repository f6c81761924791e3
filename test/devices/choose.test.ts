import t from 'tap'
import { type Candidate, chooseAfter, chooseDevice } from '#lib/devices/choose.js'
import { LLMError } from '#lib/errors.js'

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

t.test('AUTO goes on to the CPU when the model could not be opened on the device that it chose', async (t) => {
  const chosen = { device: 'GPU.1', reason: 'GPU.1 is discrete' }
  for (const code of ['ERR_ENGINE', 'ERR_OUT_OF_MEMORY', 'ERR_UNSUPPORTED_MODEL', 'ERR_NON_FINITE'] as const) {
    t.same(chooseAfter(chosen, new LLMError(code, 'a kernel cannot be built')), {
      device: 'CPU',
      reason: 'GPU.1 is discrete; but GPU.1 could not open the model: a kernel cannot be built',
    })
  }
})

t.test('AUTO does not go on when another device cannot help, or when there is none', async (t) => {
  const chosen = { device: 'GPU', reason: '' }
  for (const code of ['ERR_MODEL_INVALID', 'ERR_PROPERTY', 'ERR_CONTEXT_LENGTH', 'ERR_CLOSED'] as const) {
    t.equal(chooseAfter(chosen, new LLMError(code, '')), undefined, code)
  }
  t.equal(chooseAfter(chosen, new Error('the signal’s reason')), undefined)
  t.equal(chooseAfter({ device: 'CPU', reason: '' }, new LLMError('ERR_ENGINE', '')), undefined)
})
