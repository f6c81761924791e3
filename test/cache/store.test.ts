import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type CacheKind, CacheStore } from '#lib/cache/store.js'

const kind: CacheKind = { folder: 'kind', entry: /^\d+\.txt$/ }
const hour = 60 * 60 * 1000

/** Sets the last use of a file or folder to so many milliseconds ago. */
function age(path: string, ago: number): void {
  const time = (Date.now() - ago) / 1000
  utimesSync(path, time, time)
}

t.test('a file is written whole, found again, replaced and removed', async (t) => {
  const store = new CacheStore(kind, join(t.testdir({}), 'made', 'when needed'))
  t.same(await store.names(), [])
  t.equal(await store.read('1.txt', String), undefined)
  await store.write('1.txt', 'one')
  await store.write('1.txt', 'two')
  writeFileSync(store.pathOf('not-ours'), '')
  t.equal(await store.read('1.txt', String), 'two')
  t.same(await store.names(), ['1.txt'])
  t.same(readdirSync(store.folder).sort(), ['1.txt', 'not-ours'])
  await store.remove('1.txt')
  await store.remove('1.txt')
  t.same(readdirSync(store.folder), ['not-ours'])
})

t.test('what does not hold what it should is as good as none', async (t) => {
  const store = new CacheStore(kind, t.testdir({}))
  await store.write('1.txt', '{')
  t.equal(await store.read('1.txt', JSON.parse), undefined)
  t.equal(await store.read('1.txt', () => undefined), undefined)
  mkdirSync(store.pathOf('2.txt'))
  t.equal(await store.read('2.txt', String), undefined)
})

t.test('a folder appears when it is complete; the first one stays', async (t) => {
  const store = new CacheStore(kind, t.testdir({}))
  const fill = (text: string) =>
    store.fill('1.txt', async (folder) => {
      writeFileSync(join(folder, 'file'), text)
      t.not(folder, store.pathOf('1.txt'))
    })
  await fill('first')
  await fill('second')
  t.equal(readFileSync(join(store.pathOf('1.txt'), 'file'), 'utf8'), 'first')
  await t.rejects(
    store.fill('2.txt', async (folder) => {
      writeFileSync(join(folder, 'half'), '')
      throw new Error('interrupted')
    }),
    /interrupted/,
  )
  t.same(readdirSync(store.folder), ['1.txt'])
})

t.test('what was not used for too long is removed; using it counts', async (t) => {
  const store = new CacheStore({ ...kind, maxAge: hour }, t.testdir({}))
  for (const name of ['1.txt', '2.txt', '3.txt', '4.txt', 'not-ours']) {
    await store.write(name, '')
    age(store.pathOf(name), 2 * hour)
  }
  age(store.pathOf('1.txt'), hour / 2)
  await store.use('2.txt')
  t.ok(Date.now() - statSync(store.pathOf('2.txt')).mtimeMs < hour / 2)
  await store.tidy('3.txt')
  t.same(readdirSync(store.folder).sort(), ['1.txt', '2.txt', '3.txt', 'not-ours'])
})

t.test('what is too much is removed, the least recently used first, files and folders', async (t) => {
  const store = new CacheStore({ ...kind, maxBytes: 1000 }, t.testdir({}))
  for (const [name, ago] of Object.entries({ '1.txt': 4, '2.txt': 3, '4.txt': 1 })) {
    await store.write(name, 'x'.repeat(400))
    age(store.pathOf(name), ago * hour)
  }
  mkdirSync(join(store.pathOf('3.txt'), 'below'), { recursive: true })
  writeFileSync(join(store.pathOf('3.txt'), 'below', 'file'), 'x'.repeat(500))
  age(store.pathOf('3.txt'), 2 * hour)
  await store.tidy('1.txt')
  t.same(await store.names(), ['1.txt', '4.txt'], '1,700 bytes: the one in use stays, though it is the oldest')
  writeFileSync(store.pathOf('1.txt'), 'x'.repeat(2000))
  await store.tidy('1.txt')
  t.same(await store.names(), ['1.txt'], 'whatever its size')
})

t.test('what an interrupted process left is removed; what may still be written is not', async (t) => {
  const store = new CacheStore(kind, t.testdir({}))
  let name = ''
  await store.fill('1.txt', async (folder) => {
    name = folder
  })
  const [, host] = /\.tmp-\d+-([0-9a-f]{8})-[0-9a-f]{12}$/.exec(name) ?? []
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const leftovers = {
    [`2.txt.tmp-${dead}-${host}-0123456789ab`]: 0,
    [`2.txt.tmp-${process.pid}-00000000-0123456789ab`]: 25 * hour,
    [`2.txt.${dead}.tmp`]: 25 * hour,
  }
  const unfinished = {
    [`2.txt.tmp-${process.pid}-${host}-0123456789ab`]: 25 * hour,
    [`2.txt.tmp-${dead}-00000000-0123456789ab`]: hour,
    [`2.txt.${dead}.tmp-`]: 25 * hour,
    [`3.txt.${dead}.tmp`]: hour,
  }
  for (const [left, ago] of Object.entries({ ...leftovers, ...unfinished })) {
    mkdirSync(join(store.pathOf(left), 'below'), { recursive: true })
    age(store.pathOf(left), ago)
  }
  await store.tidy('1.txt')
  t.same(readdirSync(store.folder).sort(), ['1.txt', ...Object.keys(unfinished)].sort())
})

t.test('several processes write, read and tidy at once: nobody reads half a file or fails', async (t) => {
  const root = t.testdir({})
  const script = fileURLToPath(new URL('./store-process.js', import.meta.url))
  const arguments_ = [root, JSON.stringify({ folder: 'kind', entry: kind.entry.source, maxBytes: 2500 })]
  const children = Array.from({ length: 4 }, () => fork(script, arguments_, { stdio: 'inherit' }))
  const ends = await Promise.all(
    children.map(async (child) => {
      const said = once(child, 'message')
      const [code] = await once(child, 'exit')
      return code === 0 ? (await said)[0] : code
    }),
  )
  t.same(ends, [[], [], [], []])
  const names = readdirSync(join(root, 'kind'))
  t.ok(
    names.every((name) => kind.entry.test(name)),
    names.join(' '),
  )
})

t.test('a folder that cannot be written', async (t) => {
  const blocked = new CacheStore(kind, join(t.testdir({ file: '' }), 'file'))
  const error = await blocked.write('1.txt', '').catch((cause: unknown) => blocked.failure(cause))
  t.match(error, { code: 'ERR_CACHE', message: /kind: the cache folder cannot be written.*OPENVINO_LLM_CACHE/ })
  t.equal(blocked.failure('other'), 'other')
  await blocked.tidy('1.txt')
  t.same(await blocked.names(), [])
})

t.test(
  'an entry that cannot be removed stays',
  { skip: process.getuid?.() === 0 && 'root may remove it' },
  async (t) => {
    const store = new CacheStore({ ...kind, maxAge: hour }, t.testdir({}))
    await store.write('1.txt', '')
    age(store.pathOf('1.txt'), 2 * hour)
    chmodSync(store.folder, 0o500)
    t.teardown(() => chmodSync(store.folder, 0o700))
    await store.tidy('')
    t.ok(existsSync(store.pathOf('1.txt')))
  },
)
