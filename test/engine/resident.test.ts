import t from 'tap'
import type { NativeMetrics, ReadyInfo } from '#lib/engine/boundary.js'
import { type HeldEngine, ResidentEngine } from '#lib/engine/resident.js'

const counts = { running: 0, waiting: 0, blocks: 9, blocksUsed: 1, blocksCached: 2, evictions: 0 }
const metricsOf = (steps: number): NativeMetrics => ({
  ...counts,
  steps,
  promptTokens: 0,
  cachedTokens: 0,
  prefixHits: 0,
  generatedTokens: 0,
  draftTokens: 0,
  acceptedTokens: 0,
  preemptions: 0,
})

/** Something that the test settles. */
function deferred<T = void>() {
  let settle: { resolve(value: T): void; reject(error: unknown): void } | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, resolve: (value: T) => settle?.resolve(value), reject: (error: unknown) => settle?.reject(error) }
}

class FakeEngine implements HeldEngine {
  closes = 0
  readonly closed = deferred()
  constructor(
    readonly name: string,
    readonly vocabularySize = 32,
  ) {}
  get info(): ReadyInfo {
    return { runner: this.name, vocabularySize: this.vocabularySize } as ReadyInfo
  }
  submit(): number[] {
    return []
  }
  cancel(): void {}
  metrics(): NativeMetrics {
    return metricsOf(10)
  }
  close(): Promise<void> {
    this.closes++
    return this.closed.promise
  }
}

function rig() {
  const timers = new Map<number, { callback: () => void; ms: number }>()
  let lastTimer = 0
  const opened: ReturnType<typeof deferred<FakeEngine>>[] = []
  const first = new FakeEngine('first')
  const resident = new ResidentEngine<FakeEngine>(first, {
    model: 'folder',
    unloadAfter: 5,
    open: (signal) => {
      const opening = deferred<FakeEngine>()
      signal.addEventListener('abort', () => opening.reject(signal.reason))
      opened.push(opening)
      return opening.promise
    },
    timers: {
      set: (callback, ms) => {
        timers.set(++lastTimer, { callback, ms })
        return lastTimer
      },
      clear: (timer) => void timers.delete(timer as number),
    },
  })
  /** The idle time passes. */
  const pass = () => {
    for (const [id, { callback }] of [...timers]) {
      timers.delete(id)
      callback()
    }
  }
  /** Until everything that has been settled has had its effect. */
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  return { resident, first, opened, timers, pass, settled }
}

t.test('the idle time runs only while there is no request', async (t) => {
  const { resident, first, timers, pass } = rig()
  t.same(
    [...timers.values()].map(({ ms }) => ms),
    [5000],
    'from the load on',
  )
  resident.begin()
  resident.begin()
  t.equal(timers.size, 0)
  resident.end()
  t.equal(timers.size, 0)
  t.equal(await resident.ready(), first)
  resident.end()
  t.equal(timers.size, 1)
  t.equal(resident.residency, 'loaded')
  pass()
  t.equal(resident.residency, 'unloading')
  t.equal(first.closes, 1)
})

t.test('the next requests share one load, which waits until the memory is free', async (t) => {
  const { resident, first, opened, timers, pass, settled } = rig()
  pass()
  resident.begin()
  resident.begin()
  const waiting = [resident.ready(), resident.ready()]
  await settled()
  t.equal(opened.length, 0)
  first.closed.resolve()
  await settled()
  t.equal(opened.length, 1)
  t.equal(resident.residency, 'loading')
  const second = new FakeEngine('second')
  opened[0]?.resolve(second)
  t.same(await Promise.all(waiting), [second, second])
  t.equal(resident.residency, 'loaded')
  t.equal(resident.info.runner, 'second')
  t.equal(timers.size, 0, 'both have not ended')
  resident.end()
  resident.end()
  t.equal(timers.size, 1)
})

t.test('a load that fails rejects who waits, and the next one tries again', async (t) => {
  const { resident, first, opened, pass, settled } = rig()
  pass()
  first.closed.resolve()
  await settled()
  t.equal(resident.residency, 'unloaded')
  resident.begin()
  const failing = resident.ready()
  await settled()
  opened[0]?.reject(new Error('no memory'))
  await t.rejects(failing, { message: 'no memory' })
  t.equal(resident.residency, 'unloaded')
  const next = resident.ready()
  await settled()
  t.equal(opened.length, 2)
  const other = new FakeEngine('other', 33)
  other.closed.resolve()
  opened[1]?.resolve(other)
  await t.rejects(next, { code: 'ERR_MODEL_INVALID', message: /another vocabulary/ })
  t.equal(other.closes, 1)
})

t.test('who asked has gone when the load ends: the idle time begins', async (t) => {
  const { resident, first, opened, timers, pass, settled } = rig()
  pass()
  first.closed.resolve()
  resident.begin()
  const waiting = resident.ready()
  await settled()
  resident.end()
  t.equal(timers.size, 0)
  opened[0]?.resolve(new FakeEngine('second'))
  await waiting
  await settled()
  t.equal(timers.size, 1)
})

t.test('sums go on, moments do not', async (t) => {
  const { resident, first, opened, pass, settled } = rig()
  t.equal(resident.metrics().steps, 10)
  pass()
  first.closed.resolve()
  await settled()
  t.match(resident.metrics(), { steps: 10, blocks: 0, blocksCached: 0 })
  const waiting = resident.ready()
  await settled()
  opened[0]?.resolve(new FakeEngine('second'))
  await waiting
  t.match(resident.metrics(), { steps: 20, blocks: 9, blocksCached: 2 })
})

t.test('close while it is loaded', async (t) => {
  const { resident, first, timers, settled } = rig()
  let done = false
  const closing = resident.close().then(() => {
    done = true
  })
  await settled()
  t.equal(done, false)
  t.equal(timers.size, 0)
  first.closed.resolve()
  await closing
  await resident.close()
  t.equal(first.closes, 1)
  t.equal(resident.residency, 'closed')
  await t.rejects(resident.ready(), { code: 'ERR_CLOSED' })
})

t.test('close while it is unloading', async (t) => {
  const { resident, first, pass, settled } = rig()
  pass()
  let done = false
  const closing = resident.close().then(() => {
    done = true
  })
  const waiting = t.rejects(resident.ready(), { code: 'ERR_CLOSED' })
  await settled()
  t.equal(done, false)
  first.closed.resolve()
  await Promise.all([closing, waiting])
  t.equal(first.closes, 1)
})

t.test('close while it is unloaded, or loading', async (t) => {
  for (const loading of [false, true]) {
    const { resident, first, opened, pass, settled } = rig()
    pass()
    first.closed.resolve()
    await settled()
    const waiting = loading && t.rejects(resident.ready(), { code: 'ERR_CLOSED' })
    await settled()
    t.equal(opened.length, loading ? 1 : 0)
    await resident.close()
    await waiting
    t.equal(resident.residency, 'closed')
  }
})
