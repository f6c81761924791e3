import t from 'tap'
import { ModelPool, type PooledModel } from '#lib/server/models/pool.js'

const never = new AbortController().signal

/** A pool of models that are opened and closed by hand. */
function poolOf(maxBytes: number | undefined, sizes: Readonly<Record<string, number>>) {
  const events: string[] = []
  const gates = new Map<string, { resolve(): void; reject(error: Error): void }>()
  const timers = new Map<number, { callback: () => void; ms: number }>()
  const pool = new ModelPool<string>(maxBytes, {
    set: (callback, ms) => {
      const timer = timers.size
      timers.set(timer, { callback, ms })
      return timer
    },
    clear: (timer) => void timers.delete(timer as number),
  })
  const gate = (name: string) => {
    events.push(name)
    return new Promise<void>((resolve, reject) => gates.set(name, { resolve, reject }))
  }
  const models = Object.fromEntries(
    Object.entries(sizes).map(([name, bytes]) => [
      name,
      pool.add({
        name,
        bytes: () => bytes,
        open: async () => {
          await gate(`open ${name}`)
          return `model ${name}`
        },
        close: async () => await gate(`close ${name}`),
        unloadAfter: 60,
      }),
    ]),
  ) as Record<string, PooledModel<string>>
  const of = (name: string) => models[name] as PooledModel<string>
  const hold = (name: string, signal = never) => pool.hold(of(name), signal)
  /** Lets what has begun end, once it has begun. */
  const pass = async (name: string, error?: Error) => {
    while (!gates.has(name)) await new Promise(setImmediate)
    const { resolve, reject } = gates.get(name) ?? {}
    gates.delete(name)
    if (error) reject?.(error)
    else resolve?.()
    await new Promise(setImmediate)
  }
  return {
    pool,
    events,
    timers,
    of,
    hold,
    pass,
    release: (name: string) => pool.release(of(name)),
    /** Holds a model that is opened for it. */
    async open(name: string) {
      const held = hold(name)
      await pass(`open ${name}`)
      return await held
    },
  }
}

t.test('one load serves all who wait, and one who does not wait any longer stops nobody', async (t) => {
  const { hold, pass, events, of } = poolOf(undefined, { a: 1 })
  const left = new AbortController()
  const first = hold('a')
  const second = hold('a')
  const third = hold('a', left.signal)
  left.abort(new Error('too late'))
  await t.rejects(third, { message: 'too late' })
  await pass('open a')
  t.same(await Promise.all([first, second, hold('a')]), Array(3).fill('model a'))
  t.equal(of('a').holders, 3)
  t.same(events, ['open a'])
  await t.rejects(hold('a', left.signal), { message: 'too late' })
})

t.test('the one that was not asked for the longest leaves, idle ones first', async (t) => {
  const { hold, release, pass, events } = poolOf(10, { a: 4, b: 4, c: 4, d: 8 })
  const opened = async (name: string) => {
    const held = hold(name)
    await pass(`open ${name}`)
    await held
  }
  await opened('a')
  await opened('b')
  release('a')
  release('b')
  void hold('a').then(() => release('a'))
  const c = hold('c')
  await pass('close b')
  await pass('open c')
  await c
  t.same(events, ['open a', 'open b', 'close b', 'open c'])
  // c is held: a, which is idle, goes first, and c as soon as it is released.
  const d = hold('d')
  await pass('close a')
  t.same(events.slice(4), ['close a'])
  release('c')
  await pass('close c')
  await pass('open d')
  t.equal(await d, 'model d')
})

t.test('a model that is always busy lets others have their turn', async (t) => {
  const { hold, open, release, pass, events, of } = poolOf(5, { a: 4, b: 4 })
  await open('a')
  const b = hold('b')
  await new Promise(setImmediate)
  // Asked for after b: it waits behind b although a is there.
  const again = hold('a')
  await new Promise(setImmediate)
  t.equal(of('a').holders, 1)
  release('a')
  await pass('close a')
  await pass('open b')
  await b
  release('b')
  await pass('close b')
  await pass('open a')
  await again
  t.same(events, ['open a', 'close a', 'open b', 'close b', 'open a'])
})

t.test('a model stays when whoever wanted its room has left', async (t) => {
  const { hold, open, events } = poolOf(5, { a: 4, b: 4 })
  await open('a')
  const left = new AbortController()
  const b = hold('b', left.signal)
  left.abort()
  await t.rejects(b)
  t.equal(await hold('a'), 'model a')
  t.same(events, ['open a'])
})

t.test('what can never fit, and what cannot be loaded, fails those who asked; the next one tries again', async (t) => {
  const { hold, open, release, pass } = poolOf(5, { a: 4, big: 6 })
  await t.rejects(hold('big'), { code: 'ERR_OUT_OF_MEMORY', message: /big needs 6 bytes.* 5/ })
  const failing = [hold('a'), hold('a')].map((held) => t.rejects(held, { message: 'no such file' }))
  await pass('open a', new Error('no such file'))
  await Promise.all(failing)
  t.equal(await open('a'), 'model a')
  release('a')
})

t.test('an idle model is closed after a while, and not when it is asked for before', async (t) => {
  const { hold, open, release, pass, timers, of } = poolOf(undefined, { a: 1 })
  await open('a')
  t.equal(timers.size, 0)
  release('a')
  t.same(
    [...timers.values()].map(({ ms }) => ms),
    [60_000],
  )
  await hold('a')
  t.equal(timers.size, 0)
  release('a')
  for (const { callback } of [...timers.values()]) callback()
  t.equal(of('a').state, 'unloading')
  // One that comes meanwhile waits for both.
  const again = hold('a')
  await pass('close a')
  await pass('open a')
  t.equal(await again, 'model a')
})

t.test('closing fails who waits, and waits for who holds', async (t) => {
  const { pool, open, hold, release, pass, events } = poolOf(5, { a: 4, b: 4 })
  await open('a')
  const waiting = t.rejects(hold('b'), { code: 'ERR_CLOSED' })
  let isClosed = false
  const closed = pool.close().then(() => {
    isClosed = true
  })
  await waiting
  await t.rejects(hold('a'), { code: 'ERR_CLOSED' })
  await new Promise(setImmediate)
  t.notOk(isClosed)
  release('a')
  await pass('close a')
  await closed
  t.same(events, ['open a', 'close a'])
})

t.test('a removed model ends when it is idle, and is never opened again', async (t) => {
  const { pool, open, hold, release, pass, of, events } = poolOf(undefined, { a: 4, b: 4 })
  await open('a')
  pool.remove(of('a'), new Error('gone'))
  await t.rejects(hold('a'), { message: 'gone' })
  release('a')
  await pass('close a')
  t.same(events, ['open a', 'close a'])
  const b = t.rejects(hold('b'), { message: 'gone' })
  pool.remove(of('b'), new Error('gone'))
  await b
})
