import t from 'tap'
import { prefillChunk } from '#lib/devices/prefill-chunk.js'
import { deviceKind } from '#lib/devices/table.js'

t.test('prefill chunks shrink with the model, and are a whole prompt where lengths are fixed', async (t) => {
  t.equal(prefillChunk(deviceKind('CPU'), 1e6, 'paged'), 256)
  t.equal(prefillChunk(deviceKind('CPU'), 1e6, 'stateful'), 2048)
  t.equal(prefillChunk(deviceKind('CPU'), 8e9, 'paged'), 64)
  t.equal(prefillChunk(deviceKind('GPU'), 1e6, 'paged'), 1024)
  t.ok(prefillChunk(deviceKind('NPU'), 8e9, 'stateful') > 1e6)
})
