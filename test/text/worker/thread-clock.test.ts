import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { loadAddon, loadedAddonPath } from '#lib/addon/load.js'

const addon = loadAddon()

/** A thread that tells its clock, and then does what `then` says. */
async function start(then: string): Promise<{ worker: Worker; clock: number }> {
  const code = `const { parentPort, workerData } = require('node:worker_threads')
    const addon = { exports: {} }
    process.dlopen(addon, workerData)
    parentPort.postMessage(addon.exports.threadClock())
    ${then}`
  const worker = new Worker(code, { eval: true, workerData: loadedAddonPath() })
  const [clock] = (await once(worker, 'message')) as [number]
  return { worker, clock }
}

const waiting = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'

t.test('a thread that loops uses CPU time, and one that waits does not', async (t) => {
  const loops = await start('for (;;) {}')
  const waits = await start(waiting)
  const before = addon.threadCpuTime(waits.clock) as number
  const begin = addon.threadCpuTime(loops.clock) as number
  let now = begin
  while (now < begin + 200) {
    const next = addon.threadCpuTime(loops.clock) as number
    if (next < now) t.fail(`${next} after ${now}`)
    now = next
  }
  t.ok((addon.threadCpuTime(waits.clock) as number) - before < 100)
  await Promise.all([loops.worker.terminate(), waits.worker.terminate()])
})

t.test('the clock of a thread that has ended tells nothing, and its number is not used again', async (t) => {
  const clocks = new Set<number>()
  for (let i = 0; i < 20; i++) {
    const { worker, clock } = await start(waiting)
    t.ok((addon.threadCpuTime(clock) as number) > 0)
    await worker.terminate()
    clocks.add(clock)
    for (const ended of clocks) if (addon.threadCpuTime(ended) !== undefined) t.fail(`clock ${ended} still tells`)
  }
  t.equal(clocks.size, 20, 'no number twice')
})

t.test('clocks while threads end and others ask', async (t) => {
  const asked = `const { parentPort, workerData } = require('node:worker_threads')
    const addon = { exports: {} }
    process.dlopen(addon, workerData)
    for (;;) for (let clock = 0; clock < 200; clock++) addon.exports.threadCpuTime(clock)`
  const asker = new Worker(asked, { eval: true, workerData: loadedAddonPath() })
  await once(asker, 'online')
  for (let i = 0; i < 10; i++) await (await start('')).worker.terminate()
  await asker.terminate()
  t.pass('nothing died')
})

t.test('clocks that are none', async (t) => {
  for (const clock of [0, -1, 1e9, Number.NaN]) t.equal(addon.threadCpuTime(clock), undefined)
  t.throws(() => addon.threadCpuTime('1' as never), { name: 'TypeError' })
  const own = addon.threadClock()
  t.ok((addon.threadCpuTime(own) as number) > 0, 'the main thread has one, too')
})
