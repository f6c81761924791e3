import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compiledFolder } from '#lib/cache/compiled-models.js'

t.test('a folder for each model, OpenVINO and properties; the least recently used ones go first', async (t) => {
  const folder = t.testdir({ model: { 'openvino_model.xml': 'x', 'openvino_model.bin': 'y' }, cache: {} })
  const root = join(folder, 'cache')
  const model = {
    folder: join(folder, 'model'),
    modelPath: join(folder, 'model/openvino_model.xml'),
    weightsPath: join(folder, 'model/openvino_model.bin'),
  }
  const own = (openvino: string, maxBytes = 1000, properties = {}) =>
    compiledFolder(model, openvino, properties, { root, maxBytes })
  const [first, second, third] = [await own('1'), await own('2'), await own('3')]
  t.equal(new Set([first, second, third]).size, 3)
  t.equal(await own('1'), first, 'the same again')
  for (const [i, each] of [first, second, third].entries()) {
    mkdirSync(join(each, 'below'))
    writeFileSync(join(each, 'below/blob'), Buffer.alloc(400))
    utimesSync(each, 1000 + i, 1000 + i)
  }
  // The first one is used now: the second is the oldest, and 1,200 bytes are 200 too many.
  t.equal(await own('1'), first)
  t.same([first, second, third].map(existsSync), [true, false, true])
  await own('1', 10)
  t.same([first, third].map(existsSync), [true, false], 'never the one in use')
  const [u8, f16] = [
    { KV_CACHE_PRECISION: 'u8', NUM_STREAMS: 1 },
    { NUM_STREAMS: 1, KV_CACHE_PRECISION: 'f16' },
  ]
  const other = await own('1', 1000, u8)
  t.not(other, first, 'other properties')
  t.not(await own('1', 1000, f16), other)
  t.equal(await own('1', 1000, { NUM_STREAMS: 1, KV_CACHE_PRECISION: 'u8' }), other, 'in another order')
  writeFileSync(model.weightsPath, 'another')
  t.not(await own('1'), first, 'another model')
})

t.test('a cache that cannot be written', async (t) => {
  const folder = t.testdir({ cache: 'a file', x: 'x' })
  const model = { folder, modelPath: join(folder, 'x'), weightsPath: join(folder, 'x') }
  await t.rejects(compiledFolder(model, '1', {}, { root: join(folder, 'cache') }), {
    code: 'ERR_CACHE',
    message: /cache/,
  })
})
