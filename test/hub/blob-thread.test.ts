import { createHash } from 'node:crypto'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BlobThread } from '#lib/hub/blob-thread.js'
import { noise } from './fake-hub.js'

const content = noise(3_000_000)
const sha256 = createHash('sha256').update(content).digest('hex')

function start(t: Test): BlobThread {
  const thread = new BlobThread()
  t.teardown(() => thread.close())
  return thread
}

/** As connections read: in memory that threads share. */
function shared(from: number, to: number): Uint8Array {
  const piece = new Uint8Array(new SharedArrayBuffer(to - from))
  piece.set(content.subarray(from, to))
  return piece
}

t.test('pieces of any size and memory are hashed and written in their order', async (t) => {
  const thread = start(t)
  const path = join(t.testdir(), 'blob')
  const file = await open(path, 'w+')
  t.teardown(() => file.close())
  const { fd } = file
  await thread.run({ kind: 'begin', fd, file: { size: content.length, sha256 } })
  const slab = shared(100_001, 1_000_000)
  const writes = [
    { position: 0, pieces: [content.subarray(0, 1), content.subarray(1, 100_001)] },
    // Neighbours in memory, a part of them only.
    { position: 100_001, pieces: [slab.subarray(0, 7), slab.subarray(7, 300_000), slab.subarray(300_000)] },
    // Nothing at all.
    { position: 1_000_000, pieces: [] },
    { position: 1_000_000, pieces: [shared(1_000_000, 1_000_000), shared(1_000_000, 2_999_999)] },
    { position: 2_999_999, pieces: [Buffer.from(content.subarray(2_999_999))] },
  ]
  await Promise.all(writes.map(({ position, pieces }) => thread.run({ kind: 'write', fd, position, pieces })))
  t.equal(await thread.run({ kind: 'end', fd }), sha256)
  t.ok((await readFile(path)).equals(content))
})

t.test('what a file holds is hashed up to its end, here as git does', async (t) => {
  const thread = start(t)
  const path = join(t.testdir(), 'blob')
  await writeFile(path, content.subarray(0, 2_500_000))
  const file = await open(path, 'r+')
  t.teardown(() => file.close())
  const { fd } = file
  const header = `blob ${content.length}\0`
  await thread.run({ kind: 'begin', fd, file: { size: content.length, sha256: undefined } })
  t.equal(await thread.run({ kind: 'read', fd, position: 0, bytes: 2_000_000 }), 2_000_000)
  t.equal(await thread.run({ kind: 'read', fd, position: 2_000_000, bytes: 2_000_000 }), 500_000)
  t.equal(await thread.run({ kind: 'read', fd, position: 2_500_000, bytes: 2_000_000 }), 0)
  await thread.run({ kind: 'write', fd, position: 2_500_000, pieces: [content.subarray(2_500_000)] })
  t.equal(await thread.run({ kind: 'end', fd }), createHash('sha1').update(header).update(content).digest('hex'))
  t.ok((await readFile(path)).equals(content))
})

t.test('what the file system says comes with its code, and only to the job that it belongs to', async (t) => {
  const thread = start(t)
  const path = join(t.testdir({ blob: 'abc' }), 'blob')
  const [good, bad] = [await open(path, 'r+'), await open(path, 'r')]
  t.teardown(() => Promise.all([good.close(), bad.close()]))
  for (const { fd } of [good, bad]) void thread.run({ kind: 'begin', fd, file: { size: 3, sha256: 'any' } })
  const jobs = [bad, good].map(({ fd }) => thread.run({ kind: 'write', fd, position: 0, pieces: [Buffer.from('x')] }))
  const [refused, done] = await Promise.allSettled(jobs)
  t.match(refused, { status: 'rejected', reason: { code: 'EBADF', syscall: 'write', message: /^EBADF/ } })
  t.match(done, { status: 'fulfilled' })
  t.equal(await readFile(path, 'utf8'), 'xbc')
})

t.test('jobs of a thread that has ended fail', async (t) => {
  const thread = new BlobThread()
  const begun = thread.run({ kind: 'begin', fd: 0, file: { size: 3, sha256: 'any' } })
  const rejected = t.rejects(begun, /has ended/)
  await thread.close()
  await rejected
  await t.rejects(thread.run({ kind: 'end', fd: 0 }), /has ended/)
})
