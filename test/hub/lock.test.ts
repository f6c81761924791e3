import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { isStill, lockFile } from '#lib/hub/lock.js'
import { Downloading, repo } from './downloading.js'

const python = process.env.OPENVINO_LLM_TEST_PYTHON ?? 'python3'
const options = {
  skip: process.platform === 'win32' || spawnSync(python, ['--version']).status !== 0 ? `there is no ${python}` : false,
}
const onLinux = { skip: process.platform === 'linux' ? false : 'opening a file takes its lock' }
const unexpected = (): void => {
  throw new Error('another process was waited for')
}

/** Python, once it holds the lock; it lets go of it when its input ends. */
async function holder(t: Test, path: string): Promise<ChildProcess> {
  const child = spawn(python, ['test/hub/python-lock.py', path], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  const [said] = await once(child.stdout, 'data')
  // The line's end may come later.
  t.match(String(said), /^held/)
  return child
}

t.test('a file has one holder, and the next one waits for it', async (t) => {
  const path = join(t.testdir(), 'locks/a.lock')
  const first = await lockFile(path, unexpected)
  t.ok(first)
  let waits = 0
  const second = await lockFile(path, () => {
    waits++
    void first?.close()
  })
  t.ok(second)
  t.equal(waits, 1)
  await second?.close()
})

t.test('whoever waits can be stopped', async (t) => {
  const path = join(t.testdir(), 'a.lock')
  const first = await lockFile(path, unexpected)
  const stop = new AbortController()
  const reason = new Error('enough')
  await t.rejects(
    lockFile(path, () => stop.abort(reason), stop.signal),
    reason,
  )
  await first?.close()
  const third = await lockFile(path, unexpected)
  await third?.close()
  t.ok(third, 'it left no lock')
})

t.test('a lock whose file was removed or replaced meanwhile is none', async (t) => {
  const path = join(t.testdir({ 'a.lock': '' }), 'a.lock')
  const file = await open(path, 'r+')
  t.equal(await isStill(file, path), true)
  rmSync(path)
  t.equal(await isStill(file, path), false)
  writeFileSync(path, '')
  t.equal(await isStill(file, path), false)
  await file.close()
})

t.test('Python waits for us, and we for Python', options, async (t) => {
  const path = join(t.testdir(), 'a.lock')
  const own = await lockFile(path, unexpected)
  const child = spawn(python, ['test/hub/python-lock.py', path, 'try'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.equal(await text(child.stdout), 'busy\n')
  await own?.close()
  const other = await holder(t, path)
  let waited = false
  const again = await lockFile(path, () => {
    waited = true
    other.stdin?.end()
  })
  await again?.close()
  t.ok(waited)
})

t.test('a file that Python downloads is waited for', options, async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, { 'config.json': '{}' })
  const lock = join(it.cacheDir, '.locks/models--owner--model', `${it.hub.etag(repo, commit, 'config.json')}.lock`)
  await (await lockFile(lock, unexpected))?.close()
  const other = await holder(t, lock)
  const warnings: string[] = []
  const warn = (_code: string, message: string): void => {
    warnings.push(message)
    t.equal(it.hub.sent, 0)
    other.stdin?.end()
  }
  await it.snapshot({ warn })
  t.match(warnings, ['owner/model/config.json: another process downloads it; this one waits'])
  t.equal(it.hub.sent, 2)
})

t.test('without the addon there are no locks on Linux, and a download says so', onLinux, async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, { 'config.json': '{}', 'openvino_model.xml': 'x', 'openvino_model.bin': 'y' })
  const env = { ...process.env, OPENVINO_LLM_ADDON: it.cacheDir }
  const child = fork(join(import.meta.dirname, 'snapshot-process.js'), [it.hub.url, it.cacheDir, repo], { env })
  const said: { warning?: string; folder?: string }[] = []
  child.on('message', (message: object) => said.push(message))
  t.same(await once(child, 'exit'), [0, null])
  t.match(said, [{ warning: /^owner\/model: .*gives no file locks, so another process may/ }, { folder: String }])
  t.equal(said.filter(({ warning }) => warning).length, 1, 'once for all files')
})
