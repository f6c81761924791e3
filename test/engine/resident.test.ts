import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { NativeMetrics, ReadyInfo } from '#lib/engine/boundary.js'
import type { EngineWatcher } from '#lib/engine/engine.js'
import { EngineHealth } from '#lib/engine/health.js'
import { type HeldEngine, ResidentEngine } from '#lib/engine/resident.js'
import { LLMError } from '#lib/errors.js'

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
  watcher: EngineWatcher | undefined
  watch(watcher: EngineWatcher): void {
    this.watcher = watcher
  }
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
  let now = 0
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
    health: new EngineHealth({ now: () => now }),
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
  const wait = (ms: number) => {
    now += ms
  }
  return { resident, first, opened, timers, pass, settled, wait }
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

t.test('a load that fails gives each that waits an error of its own', async (t) => {
  const { resident, first, opened, pass, settled } = rig()
  pass()
  first.closed.resolve()
  const waiting = Promise.allSettled([resident.ready(), resident.ready(), resident.ready()])
  await settled()
  const cause = new LLMError('ERR_OUT_OF_MEMORY', 'no memory')
  opened[0]?.reject(cause)
  const errors = (await waiting).map((each) => (each.status === 'rejected' ? each.reason : undefined))
  for (const error of errors) t.match(error, { code: 'ERR_OUT_OF_MEMORY', message: 'no memory', cause })
  t.equal(new Set([...errors, cause]).size, 4)
  t.equal(resident.residency, 'unloaded')
  t.equal(resident.health.state, 'healthy', 'that it could not be loaded is no failure of its engine')
})

t.test('an engine that dies is seen, freed, and opened again by the next request', async (t) => {
  const { resident, first, opened, timers, settled } = rig()
  const failures: unknown[] = []
  const listener = (message: unknown) => void failures.push(message)
  subscribe('openvino-llm:model:fail', listener)
  t.teardown(() => unsubscribe('openvino-llm:model:fail', listener))
  first.watcher?.computed()
  const error = new LLMError('ERR_ENGINE', 'the device is lost')
  first.watcher?.died(error)
  t.same([resident.residency, first.closes, timers.size], ['failed', 1, 0])
  t.match(resident.health, { state: 'failed', cause: { message: 'the device is lost' }, failures: 1, retryAt: null })
  t.match(resident.metrics(), { steps: 10, blocks: 0 }, 'what it had counted')
  t.same(failures, [{ model: 'folder', error, failures: 1, retryAt: null }])

  const waiting = [resident.ready(), resident.ready()]
  await settled()
  t.equal(opened.length, 0, 'its memory is not free yet')
  first.closed.resolve()
  await settled()
  t.same([opened.length, resident.residency, resident.health.state], [1, 'loading', 'recovering'])
  const second = new FakeEngine('second')
  opened[0]?.resolve(second)
  t.same(await Promise.all(waiting), [second, second])
  t.same([resident.residency, resident.health.state], ['loaded', 'recovering'])
  second.watcher?.computed()
  t.equal(resident.health.state, 'healthy')
})

t.test('one that dies again before a step succeeded: requests fail at once, then one tries', async (t) => {
  const { resident, first, opened, settled, wait } = rig()
  const error = new LLMError('ERR_ENGINE', 'the device is lost')
  first.closed.resolve()
  first.watcher?.died(error)
  const again = resident.ready()
  await settled()
  const second = new FakeEngine('second')
  second.closed.resolve()
  opened[0]?.resolve(second)
  await again
  second.watcher?.died(error)
  t.match(resident.health, { state: 'failed', failures: 2, retryAt: 1000 })
  const unavailable = { code: 'ERR_UNAVAILABLE', message: /the device is lost/ }
  await t.rejects(resident.ready(), unavailable)
  await t.rejects(resident.ready(), unavailable, 'each time')
  t.equal(opened.length, 1)

  wait(1000)
  const trial = resident.ready()
  await t.rejects(resident.ready(), unavailable, 'one request tries, not two')
  await settled()
  opened[1]?.reject(new LLMError('ERR_OUT_OF_MEMORY', 'no memory'))
  await t.rejects(trial, { code: 'ERR_OUT_OF_MEMORY' })
  t.match(
    resident.health,
    { failures: 3, cause: { code: 'ERR_OUT_OF_MEMORY' }, retryAt: 3000 },
    'a failed attempt counts',
  )

  wait(2000)
  const last = resident.ready()
  await settled()
  const third = new FakeEngine('third')
  opened[2]?.resolve(third)
  t.equal(await last, third)
  t.equal(await resident.ready(), third, 'who comes now is let in')
  third.watcher?.computed()
  t.match(resident.health, { state: 'healthy', failures: 0 })
})

t.test('an engine that dies while it is closed is not opened again', async (t) => {
  const { resident, first } = rig()
  const closing = resident.close()
  first.watcher?.died(new LLMError('ERR_ENGINE', 'the device is lost'))
  first.closed.resolve()
  await closing
  t.same([resident.residency, resident.health.state, first.closes], ['closed', 'healthy', 1])
})
