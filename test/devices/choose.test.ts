import t from 'tap'
import { type Candidate, chooseDevice } from '#lib/devices/choose.js'

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
