import t from 'tap'
import type { RequestHandler } from '#lib/engine/engine.js'
import { EngineHealth } from '#lib/engine/health.js'
import { ResidentEngine } from '#lib/engine/resident.js'
import { params, type ScriptOptions, startScripted } from './scripted.js'

/** A resident engine that is opened with one script after another, on a clock of its own. */
async function rig(...scripts: ScriptOptions[]) {
  let now = 0
  const scriptsLeft = scripts.slice(1)
  const resident = new ResidentEngine(await startScripted(scripts[0]), {
    model: 'scripted',
    unloadAfter: undefined,
    open: () => startScripted(scriptsLeft.shift()),
    health: new EngineHealth({ now: () => now }),
  })
  /** One request, from asking for the engine to its end. */
  const ask = async (): Promise<string> => {
    resident.begin()
    try {
      const engine = await resident.ready()
      return await new Promise((resolve, reject) => {
        const handler: RequestHandler = { tokens: () => {}, finished: resolve, failed: reject }
        engine.submit(Int32Array.of(1), params(), [handler])
      })
    } finally {
      resident.end()
    }
  }
  const messages = async (...requests: Promise<string>[]): Promise<string[]> =>
    (await Promise.allSettled(requests)).map((each) => (each.status === 'fulfilled' ? each.value : each.reason.message))
  const pass = (ms: number) => {
    now += ms
  }
  return { resident, ask, messages, pass, opened: () => scripts.length - 1 - scriptsLeft.length }
}

/** Its first two steps fail, and with them the engine. */
const dies: ScriptOptions = { failAt: 1, failCount: 2 }

t.test('a dead engine is opened again for the next request', async (t) => {
  const { resident, ask, messages, opened } = await rig(dies, {})
  t.equal(resident.residency, 'loaded')
  const firstCause = 'scripted failure of step 1'
  t.same(await messages(ask(), ask(), ask()), [firstCause, firstCause, firstCause])
  t.equal(resident.residency, 'failed')
  t.match(resident.health, { state: 'failed', cause: { code: 'ERR_ENGINE', message: firstCause }, failures: 1 })
  t.same(await messages(ask(), ask()), ['length', 'length'])
  t.same([resident.residency, resident.health.state, opened()], ['loaded', 'healthy', 1])
  t.equal(resident.metrics().generatedTokens, 8)
  await resident.close()
})

t.test('one that dies again and again: requests fail at once for growing pauses', async (t) => {
  const { resident, ask, messages, pass, opened } = await rig(dies, dies, dies, {})
  await messages(ask(), ask())
  await messages(ask(), ask())
  t.match(resident.health, { state: 'failed', failures: 2, retryAt: 1000 })
  const paused = /failed 2 times .*the last cause: scripted failure of step 1/
  t.match(await messages(ask(), ask()), [paused, paused])
  t.equal(opened(), 1, 'and nothing is loaded')

  pass(1000)
  const trying = /one request is trying it again/
  t.match(await messages(ask(), ask(), ask()), ['scripted failure of step 1', trying, trying])
  t.equal(opened(), 2)
  t.match(resident.health, { state: 'recovering', failures: 2 }, 'one failed step is no death')
  await messages(ask())
  t.match(resident.health, { state: 'failed', failures: 3, retryAt: 3000 })

  pass(2000)
  t.same(await messages(ask()), ['length'])
  t.match(resident.health, { state: 'healthy', cause: null, failures: 0, retryAt: null })
  await resident.close()
})
