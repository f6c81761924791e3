import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repoFiles } from '#lib/hub/download.js'
import { Downloading, repo } from './downloading.js'
import { noise } from './fake-hub.js'

const weights = noise(20_000_000)
const files = { 'config.json': '{}', 'openvino_model.bin': weights, 'sub/a.txt': 'x', 'sub/b.txt': 'x', empty: '' }
const home = (cacheDir: string): string => join(cacheDir, 'models--owner--model')

t.test('a download has the content, the folders and the links of the shared cache', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  const folder = home(it.cacheDir)
  const found = await it.snapshot()
  t.same(it.warnings, [])
  t.same(found, { folder: join(folder, 'snapshots', commit), commit, files: Object.keys(files).sort() })
  for (const [path, content] of Object.entries(files))
    t.ok(readFileSync(join(found.folder, path)).equals(Buffer.from(content)), path)
  t.equal(readFileSync(join(folder, 'refs/main'), 'utf8'), commit)
  t.ok(lstatSync(join(found.folder, 'sub/a.txt')).isSymbolicLink())
  t.equal(readlinkSync(join(found.folder, 'sub/a.txt')), `../../../blobs/${it.hub.etag(repo, commit, 'sub/a.txt')}`)
  t.same(
    readdirSync(join(folder, 'blobs')).sort(),
    [...new Set(found.files.map((path) => it.hub.etag(repo, commit, path)))].sort(),
  )
  t.same(
    await repoFiles(repo, undefined, { endpoint: it.hub.url, cacheDir: it.cacheDir, offline: true }).then(
      ({ files }) => files.length,
    ),
    5,
  )
})

t.test('the token goes to the hub, not to where it redirects; large files come in ranges', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  await it.snapshot()
  t.same(
    new Set(it.hub.seen.map(({ host, token }) => `${host} ${token}`)),
    new Set(['hub Bearer hf_test', 'cdn undefined']),
  )
  const ranges = it.hub.seen.filter(({ host }) => host === 'cdn').map(({ range }) => range)
  t.same(ranges, ['bytes=0-8388607', 'bytes=8388608-16777215', 'bytes=16777216-19999999'])
})

t.test('what is complete takes one request, and none offline or with a commit', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  const first = await it.snapshot()
  it.hub.asked()
  t.same(await it.snapshot(), first)
  t.same(it.hub.asked(), ['/api/models/owner/model/revision/main'])
  t.same(await it.snapshot({ offline: true }), first)
  t.same(await it.snapshot({ revision: commit }), first)
  t.same(it.hub.asked(), [])
})

t.test('only what is selected is fetched, and what was there before is kept', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  const select = () => ['config.json']
  const { folder } = await it.snapshot({ select })
  t.same(readdirSync(folder), ['config.json'])
  await t.rejects(it.snapshot({ offline: true }), {
    code: 'ERR_OFFLINE',
    message: /empty is not in .*models--owner--model/,
  })
  t.ok(await it.snapshot({ offline: true, select }))
  it.hub.asked()
  await it.snapshot()
  t.notOk(it.hub.asked().some((path) => path.endsWith('config.json')))
  await t.rejects(it.snapshot({ select: () => ['confg.json'] }), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /confg\.json.*did you mean config\.json/,
  })
})

t.test('a branch that moved is fetched anew, but for the contents that stayed', async (t) => {
  const it = await Downloading.start(t)
  const before = it.hub.commit(repo, files)
  await it.snapshot()
  const after = it.hub.commit(repo, { ...files, 'config.json': '{"new": 1}' })
  it.hub.asked()
  const found = await it.snapshot()
  t.equal(found.commit, after)
  t.equal(readFileSync(join(found.folder, 'config.json'), 'utf8'), '{"new": 1}')
  t.same(
    it.hub.asked().filter((path) => path.includes('/resolve/') || path.includes('.bin')),
    [`/owner/model/resolve/${after}/config.json`],
  )
  t.equal((await it.snapshot({ revision: before, offline: true })).commit, before)
})

t.test('what an earlier attempt left is resumed', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  const blob = join(home(it.cacheDir), 'blobs', it.hub.etag(repo, commit, 'openvino_model.bin'))
  mkdirSync(join(blob, '..'), { recursive: true })
  writeFileSync(`${blob}.incomplete`, weights.subarray(0, 15_000_000))
  const { folder } = await it.snapshot()
  t.ok(readFileSync(join(folder, 'openvino_model.bin')).equals(weights))
  t.same(
    it.hub.seen.filter(({ host }) => host === 'cdn').map(({ range }) => range),
    ['bytes=15000000-19999999'],
  )
  t.notOk(existsSync(`${blob}.incomplete`))

  // What was left is wrong: it is fetched from the beginning.
  rmSync(home(it.cacheDir), { recursive: true })
  mkdirSync(join(blob, '..'), { recursive: true })
  writeFileSync(`${blob}.incomplete`, noise(10_000_000, 2))
  await it.snapshot()
  t.ok(readFileSync(join(folder, 'openvino_model.bin')).equals(weights))
})
