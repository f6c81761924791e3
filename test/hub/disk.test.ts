import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Downloading, repo } from './downloading.js'
import { noise } from './fake-hub.js'

const weights = noise(3_000_000)
const files = { 'config.json': '{}', 'openvino_model.bin': weights, 'copy.bin': weights }

/** A file system of its own in memory, of 8 MB, for as long as the test runs; undefined when this user may not mount. */
function smallDisk(t: Test): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'hub-'))
  t.teardown(() => rmdirSync(folder))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  t.teardown(() => execFileSync('umount', [folder]))
  return folder
}

const mayNotMount = 'this user may not mount a small disk'

t.test('what does not fit on the disk is refused before it is downloaded', async (t) => {
  const cacheDir = smallDisk(t)
  if (cacheDir === undefined) return t.pass(mayNotMount, { skip: mayNotMount })
  const it = await Downloading.start(t)
  it.hub.commit(repo, { 'large.bin': noise(9_000_000) })
  await t.rejects(it.snapshot({ cacheDir }), {
    code: 'ERR_DISK_FULL',
    message: /^owner\/model: 0\.01 GB are to be downloaded, and 0\.01 GB are free in .*models--owner--model/,
  })
  t.notOk(it.hub.asked().some((path) => path.includes('large.bin')))
})

t.test('a disk that fills up meanwhile is an error, and what has come is kept', async (t) => {
  const cacheDir = smallDisk(t)
  if (cacheDir === undefined) return t.pass(mayNotMount, { skip: mayNotMount })
  const it = await Downloading.start(t)
  const large = noise(7_000_000)
  const commit = it.hub.commit(repo, { 'large.bin': large })
  it.hub.fault = ({ host }) => {
    if (host === 'cdn') writeFileSync(join(cacheDir, 'other'), noise(4_000_000))
    return false
  }
  await t.rejects(it.snapshot({ cacheDir }), { code: 'ERR_DISK_FULL', message: /the disk is full .*ENOSPC/ })
  it.hub.fault = () => false
  const left = join(cacheDir, 'models--owner--model/blobs', `${it.hub.etag(repo, commit, 'large.bin')}.incomplete`)
  const found = readFileSync(left)
  t.ok(found.length > 1_000_000 && found.equals(large.subarray(0, found.length)))
  writeFileSync(join(cacheDir, 'other'), '')
  const { folder } = await it.snapshot({ cacheDir })
  t.ok(readFileSync(join(folder, 'large.bin')).equals(large))
})

t.test('a cache that cannot be written serves what it has', async (t) => {
  const cacheDir = smallDisk(t)
  if (cacheDir === undefined) return t.pass(mayNotMount, { skip: mayNotMount })
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  const first = await it.snapshot({ cacheDir })
  execFileSync('mount', ['-o', 'remount,ro', cacheDir])
  t.same(await it.snapshot({ cacheDir }), first)
  it.hub.commit(repo, { ...files, 'config.json': '[]' })
  await t.rejects(it.snapshot({ cacheDir }), {
    code: 'ERR_CACHE',
    message: /models--owner--model: the cache of downloads cannot be written \(EROFS.*set HF_HUB_CACHE/,
  })
  t.same(await it.snapshot({ cacheDir, offline: true }), first)
})

t.test('without symbolic links a snapshot holds the contents themselves', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  process.env.HF_HUB_DISABLE_SYMLINKS = '1'
  t.teardown(() => delete process.env.HF_HUB_DISABLE_SYMLINKS)
  const { folder } = await it.snapshot()
  for (const path of ['openvino_model.bin', 'copy.bin']) {
    t.ok(lstatSync(join(folder, path)).isFile())
    t.ok(readFileSync(join(folder, path)).equals(weights))
  }
  // Two copies because two files have this content, and none beside them.
  t.same(readdirSync(join(it.cacheDir, 'models--owner--model/blobs')), [])
  t.equal(statSync(join(folder, 'config.json')).size, 2)
  it.hub.asked()
  t.equal((await it.snapshot()).commit, commit)
  t.equal(it.hub.asked().length, 1)
})

t.test('nor where the system refuses them', async (t) => {
  const { symlink } = promises
  t.teardown(() => {
    promises.symlink = symlink
    syncBuiltinESMExports()
  })
  const refuse = (code: string): void => {
    promises.symlink = () => Promise.reject(Object.assign(new Error(`${code}: refused`), { code, syscall: 'symlink' }))
    syncBuiltinESMExports()
  }
  for (const code of ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']) {
    const it = await Downloading.start(t)
    const commit = it.hub.commit(repo, { 'config.json': '{}', 'a.txt': 'x', 'b.txt': 'x' })
    refuse(code)
    const { folder } = await it.snapshot()
    for (const [path, content] of Object.entries({ 'config.json': '{}', 'a.txt': 'x', 'b.txt': 'x' })) {
      t.ok(lstatSync(join(folder, path)).isFile(), `${code}: ${path}`)
      t.equal(readFileSync(join(folder, path), 'utf8'), content)
    }
    t.same(readdirSync(join(it.cacheDir, 'models--owner--model/blobs')), [])
    it.hub.asked()
    t.equal((await it.snapshot()).commit, commit)
    t.equal(it.hub.asked().length, 1, 'nothing is fetched again')
  }
  const it = await Downloading.start(t)
  it.hub.commit(repo, { 'config.json': '{}' })
  refuse('EIO')
  await t.rejects(it.snapshot(), { code: 'ERR_CACHE', message: /EIO: refused/ })
})
