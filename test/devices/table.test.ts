import t from 'tap'
import { deviceKind } from '#lib/devices/table.js'

t.test('every OpenVINO device string has its kind', async (t) => {
  for (const device of ['CPU', 'GPU', 'GPU.1', 'GPU.0.1'])
    t.match(deviceKind(device), { pagedCache: Object, gatherRows: true })
  for (const device of ['NPU', 'NPU.0']) {
    t.match(deviceKind(device), { pagedCache: undefined, gatherRows: false, staticShapes: true, cachesModels: true })
  }
  for (const device of ['AUTO:GPU,CPU', 'HETERO:GPU.1,CPU', 'MULTI:CPU', 'BATCH:GPU(4)']) {
    t.match(deviceKind(device), { pagedCache: undefined, gatherRows: true, staticShapes: false, cachesModels: false })
  }
  t.equal(deviceKind('CPU').cachesModels, false)
  t.equal(deviceKind('GPU').cachesModels, true)
  t.match(
    [deviceKind('CPU').properties, deviceKind('GPU').properties],
    [{ PERFORMANCE_HINT: 'LATENCY' }, { PERFORMANCE_HINT: 'LATENCY' }],
  )
  for (const wrong of ['', 'cpu', 'TPU', 'GPU.x', 'GPU.', 'GPU.0.0.0', 'CPU:1', 'HETERO', 'AUTO', 'AUTO:']) {
    t.throws(() => deviceKind(wrong), { code: 'ERR_DEVICE', message: /option device: expected .*found/ }, wrong)
  }
})
