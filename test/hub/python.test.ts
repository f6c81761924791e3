import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { listCache, makeCache } from './cache-listing.js'
import { Downloading, repo } from './downloading.js'

/** Small enough to be read in the fixture; the last one lies in LFS. */
const files = { 'config.json': '{}', 'sub/notes.txt': 'x', 'openvino_model.bin': 'abc'.repeat(40) }
const lfsBytes = 100
/** What `huggingface_hub` made of these files; OPENVINO_LLM_WRITE_FIXTURES=1 makes it anew. */
const fixture = 'test/fixtures/hub/python-cache.json'
const python = process.env.OPENVINO_LLM_TEST_PYTHON ?? 'python3'
const run = promisify(execFile)
const missing = await run(python, ['-c', 'import huggingface_hub'], { timeout: 60_000 }).then(
  () => false,
  () => `${python} has no huggingface_hub (OPENVINO_LLM_TEST_PYTHON names another Python)`,
)

function pull(it: Downloading, ...args: string[]): Promise<string[]> {
  const env = {
    ...process.env,
    ...{ HF_ENDPOINT: it.hub.url, HF_HUB_CACHE: it.cacheDir, HF_HOME: it.cacheDir, HF_TOKEN: '', HF_HUB_OFFLINE: '' },
    ...{ HF_HUB_DISABLE_TELEMETRY: '1', NO_PROXY: '*' },
  }
  return run(python, ['test/hub/python-download.py', repo, ...args], { env }).then(({ stdout }) =>
    stdout.trim().split('\n'),
  )
}

t.test('the cache that Python made is used without a download, and ours is the same', async (t) => {
  const it = await Downloading.start(t, { lfsBytes })
  const commit = it.hub.commit(repo, files)
  const { cache } = JSON.parse(readFileSync(fixture, 'utf8'))
  makeCache(it.cacheDir, cache)
  const found = await it.snapshot()
  t.equal(found.commit, commit)
  t.same(it.hub.asked(), ['/api/models/owner/model/revision/main'])
  t.same(await it.snapshot({ offline: true }), found)
  for (const [path, content] of Object.entries(files)) t.equal(readFileSync(join(found.folder, path), 'utf8'), content)

  const own = join(it.cacheDir, 'own')
  await it.snapshot({ cacheDir: own })
  t.same(listCache(own), cache)
})

t.test('a cache of earlier versions, without a listing, will do offline', async (t) => {
  const it = await Downloading.start(t, { lfsBytes })
  it.hub.commit(repo, files)
  const { cache } = JSON.parse(readFileSync(fixture, 'utf8'))
  makeCache(
    it.cacheDir,
    Object.fromEntries(Object.entries(cache).filter(([path]) => !path.includes('/trees/'))) as never,
  )
  t.same((await it.snapshot({ offline: true })).files, Object.keys(files).sort())
  t.same(it.hub.asked(), [])
})

t.test('Python uses our cache without a download, and makes the fixture', { skip: missing }, async (t) => {
  const it = await Downloading.start(t, { lfsBytes })
  it.hub.commit(repo, files)
  const { folder } = await it.snapshot()
  it.hub.asked()
  t.equal((await pull(it, 'offline'))[1], folder)
  t.same(it.hub.asked(), [])
  t.equal((await pull(it))[1], folder)
  t.same(it.hub.asked(), ['/api/models/owner/model/revision/main'])

  const other = await Downloading.start(t, { lfsBytes })
  other.hub.commit(repo, files)
  const [version] = await pull(other)
  const made = { huggingface_hub: version, cache: listCache(other.cacheDir) }
  if (process.env.OPENVINO_LLM_WRITE_FIXTURES) writeFileSync(fixture, `${JSON.stringify(made, null, 2)}\n`)
  t.same(made.cache, JSON.parse(readFileSync(fixture, 'utf8')).cache)
})
