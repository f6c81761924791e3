import t from 'tap'
import { deviceFeatures } from '#lib/devices/features.js'

t.test('what computes here takes built-in kernels and keeps its KV cache in host memory', async (t) => {
  t.strictSame(deviceFeatures('CPU'), {
    name: 'CPU',
    mustBePresent: true,
    propertySources: ['CPU'],
    uncheckedPrefix: '',
    nestedProperties: false,
    builtinKernels: true,
    kvMemory: 'host',
    kvBlockTokens: 32,
    kvTransposedKeys: false,
  })
})

t.test('a GPU keeps its KV cache in its own memory, in blocks of another layout', async (t) => {
  const features = { builtinKernels: false, kvMemory: 'device', kvBlockTokens: 16, kvTransposedKeys: true }
  t.match(deviceFeatures('GPU.1'), { ...features, name: 'GPU.1', propertySources: ['GPU.1'], mustBePresent: true })
})

t.test('a virtual device is always there and hands properties on to the devices in its list', async (t) => {
  t.match(deviceFeatures('HETERO:GPU.1,CPU(2),-NPU'), {
    mustBePresent: false,
    propertySources: ['HETERO', 'GPU.1', 'CPU'],
    uncheckedPrefix: '',
    nestedProperties: true,
    kvMemory: 'none',
    kvBlockTokens: 0,
  })
  t.match(deviceFeatures('AUTO:NPU,CPU'), { propertySources: ['AUTO', 'NPU', 'CPU'], uncheckedPrefix: 'NPU' })
})

t.test('an NPU hands properties on to the CPU, and other devices may stand in for it', async (t) => {
  const npu = { uncheckedPrefix: 'NPU', nestedProperties: false, kvMemory: 'none' }
  t.match(deviceFeatures('NPU'), { ...npu, mustBePresent: true, propertySources: ['NPU', 'CPU'] })
  t.match(deviceFeatures('NPU', { NPUW_DEVICES: 'CPU' }), { ...npu, mustBePresent: false })
  t.match(deviceFeatures('NPU', { NPUW_DEVICES: 'NPU,CPU' }), {
    ...npu,
    mustBePresent: true,
    propertySources: ['NPU', 'NPU', 'CPU'],
  })
})
