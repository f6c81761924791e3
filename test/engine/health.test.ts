import t from 'tap'
import { EngineHealth } from '#lib/engine/health.js'
import { LLMError } from '#lib/errors.js'

function rig() {
  let now = 1_000_000
  const engine = new EngineHealth({ now: () => now, firstPause: 1000, longestPause: 8000 })
  const pass = (ms: number) => {
    now += ms
  }
  return { engine, pass, now: () => now }
}

const lost = (message = 'the device is lost') => new LLMError('ERR_ENGINE', message)
const healthy = { state: 'healthy', cause: null, failures: 0, retryAt: null }

t.test('healthy: opening and waiting are free', async (t) => {
  const { engine } = rig()
  t.same(engine.health, healthy)
  engine.open()
  engine.join()
  t.same(engine.health, healthy, 'an idle model that comes back is not recovering')
})

t.test('the first failure: the next request opens the engine again at once, and others wait with it', async (t) => {
  const { engine } = rig()
  engine.failed(lost())
  const cause = { code: 'ERR_ENGINE', message: 'the device is lost' }
  t.same(engine.health, { state: 'failed', cause, failures: 1, retryAt: null })
  engine.open()
  engine.join()
  t.same(engine.health, { state: 'recovering', cause, failures: 1, retryAt: null })
  engine.computed()
  t.same(engine.health, healthy)
})

t.test('failures without a step in between: pauses that double up to the longest', async (t) => {
  const { engine, pass, now } = rig()
  engine.failed(lost('first'))
  for (const pause of [1000, 2000, 4000, 8000, 8000]) {
    engine.open()
    engine.failed(lost('again'))
    t.match(engine.health, { state: 'failed', cause: { message: 'again' }, retryAt: now() + pause })
    pass(pause - 100)
    t.throws(() => engine.open(), {
      code: 'ERR_UNAVAILABLE',
      message: /failed \d times .* the next attempt is in 0\.1 s; the last cause: again/,
      cause: { message: 'again' },
    })
    pass(100)
    t.match(engine.health, { state: 'failed', retryAt: null })
  }
  t.equal(engine.health.failures, 6)
})

t.test('after a pause one request tries, and the others fail until it has succeeded', async (t) => {
  const { engine, pass } = rig()
  engine.failed(lost())
  engine.open()
  engine.failed(lost())
  pass(1000)
  engine.open()
  t.match(engine.health, { state: 'recovering', failures: 2, retryAt: null })
  t.throws(() => engine.join(), { code: 'ERR_UNAVAILABLE', message: /one request is trying it again/ })
  engine.computed()
  engine.join()
  engine.failed(lost())
  t.match(engine.health, { failures: 1, retryAt: null }, 'it counts anew')
})

t.test('the clock of the process is a time of day', async (t) => {
  const engine = new EngineHealth()
  for (let i = 0; i < 2; i++) engine.failed(lost())
  const { retryAt } = engine.health
  t.ok(retryAt !== null && new Date(retryAt).getFullYear() >= 2024)
})
