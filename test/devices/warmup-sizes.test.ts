import t from 'tap'
import { deviceKind } from '#lib/devices/table.js'
import { warmupSizes } from '#lib/devices/warmup-sizes.js'

const sizes = (device: string, more: Partial<Parameters<typeof warmupSizes>[1]> = {}) =>
  warmupSizes(deviceKind(device), { runner: 'auto', chunk: 64, maxSequences: 16, limit: 4096, ...more })

t.test('few sizes where kernels for one serve all', (t) => {
  t.same(sizes('CPU'), [1, 4, 16])
  t.same(sizes('CPU', { limit: 16 }), [1, 4])
  t.same(sizes('GPU', { runner: 'stateful' }), [1, 4, 16])
  t.same(sizes('AUTO:GPU,CPU'), [1, 4, 16])
  t.end()
})

// Those of test/native/engine/scheduling/step_rows_test.cc.
t.test('on a GPU the numbers of rows of a step: all of decoding, and those of short prompts', (t) => {
  t.same(sizes('GPU'), [1, 2, 4, 8, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80])
  const upTo128 = [...sizes('GPU'), 96, 112, 128]
  t.same(sizes('GPU.1', { chunk: 1024, maxSequences: 1 }), upTo128)
  t.same(sizes('GPU', { chunk: 1024, maxSequences: 1, limit: 128 }), upTo128.slice(0, -1))
  t.same(sizes('GPU', { chunk: 1024, maxSequences: 200 }), [...upTo128, 160, 192, 224])
  t.end()
})
