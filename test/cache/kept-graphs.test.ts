import { readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { GraphCache } from '#lib/cache/kept-graphs.js'
import type { EngineConfig } from '#lib/engine/boundary.js'

t.test('of too many graphs those leave first that another version made, however recently they were used', async (t) => {
  const root = t.testdir({ addon: 'x', 'model.xml': 'graph', 'model.bin': 'weights', graphs: {} })
  const files = { modelPath: join(root, 'model.xml'), weightsPath: join(root, 'model.bin') }
  const config = { device: { name: 'CPU' }, properties: [], cpuAttention: 'auto' } as unknown as EngineConfig
  const cache = (version: string) => new GraphCache(root, { version, openvino: '2026' }, join(root, 'addon'))
  const fill = (path: string, bytes: number, hoursAgo: number) => {
    writeFileSync(path, '')
    truncateSync(path, bytes) // it takes no room on the disk
    const time = Date.now() / 1000 - hoursAgo * 3600
    utimesSync(path, time, time)
  }
  const other = await cache('1.0.0').pathFor(files, config)
  const own = await cache('2.0.0').pathFor(files, config)
  t.not(basename(other).slice(0, 8), basename(own).slice(0, 8))
  t.equal(basename(other).slice(8), basename(own).slice(8), 'the rest of the name is of model and setting')
  const untagged = join(root, 'graphs', `${'0'.repeat(32)}.graph`)
  fill(own, 4e9, 3)
  fill(other, 3e9, 1)
  fill(untagged, 3e9, 2)
  const now = await cache('2.0.0').pathFor(files, { ...config, cpuAttention: 'openvino' } as EngineConfig)
  t.not(now, own, 'each setting has a file')
  t.same(readdirSync(join(root, 'graphs')).sort(), [basename(own), basename(other)].sort(), 'one was enough')
  fill(own, 6e9, 3)
  await cache('2.0.0').pathFor(files, config)
  t.same(readdirSync(join(root, 'graphs')), [basename(own)])
})
