import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Downloading, repo } from './downloading.js'
import { noise } from './fake-hub.js'

const weights = noise(24_000_000)
const files = { 'config.json': '{}', 'openvino_model.bin': weights }
/** How often a download is killed. */
const kills = Number(process.env.OPENVINO_LLM_TEST_KILLS ?? 3)

function start({ hub, cacheDir }: Downloading): ChildProcess {
  return fork(join(import.meta.dirname, 'snapshot-process.js'), [hub.url, cacheDir, repo])
}

t.test(`killed ${kills} times at random moments, a download resumes to the right content`, async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  const blob = join(it.cacheDir, 'models--owner--model/blobs', it.hub.etag(repo, commit, 'openvino_model.bin'))
  let state = 7
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  let left = 0
  for (let kill = 0; kill < kills; kill++) {
    const child = start(it)
    const ended = once(child, 'exit')
    // The moment is a number of bytes, so that the speed of the machine does not matter; the last part is left for the end.
    const limit = it.hub.sent + Math.ceil(random() * (weights.length / (kills + 1)))
    it.hub.pace = (sent) => {
      if (sent >= limit) child.kill('SIGKILL')
      // What the server still holds is sent to nobody.
      return sent >= limit ? ended.then(() => undefined) : undefined
    }
    t.same(await ended, [null, 'SIGKILL'])
    if (!existsSync(`${blob}.incomplete`)) continue
    const found = readFileSync(`${blob}.incomplete`)
    t.ok(found.equals(weights.subarray(0, found.length)), 'what is left is the beginning')
    t.ok(found.length >= left, 'nothing is lost that was there before')
    left = found.length
  }
  it.hub.pace = () => undefined
  it.hub.seen.length = 0
  const { folder } = await it.snapshot()
  t.ok(readFileSync(join(folder, 'openvino_model.bin')).equals(weights))
  t.match(it.hub.seen.find(({ host }) => host === 'cdn')?.range, new RegExp(`^bytes=${left}-`))
})

t.test('two processes download once', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  // Nothing is sent to the end before one process waits for the other.
  it.hub.pace = () => released
  const folders: string[] = []
  const children = [start(it), start(it)].map((child) => {
    child.on('message', ({ warning, folder }: { warning?: string; folder?: string }) => {
      if (warning?.includes('another process downloads it; this one waits')) release()
      if (folder !== undefined) folders.push(folder)
    })
    return once(child, 'exit')
  })
  t.same(await Promise.all(children), [
    [0, null],
    [0, null],
  ])
  t.equal(folders.length, 2)
  t.ok(readFileSync(join(folders[0]!, 'openvino_model.bin')).equals(weights))
  t.equal(it.hub.sent, weights.length + 2)
})
