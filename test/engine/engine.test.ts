import t from 'tap'
import { Engine } from '#lib/engine/engine.js'
import { params, run, scriptedConfig, startScripted } from './scripted.js'

t.test('three requests one after the other, exact tokens', async (t) => {
  const engine = await startScripted({ script: [5, 6, 7, 8] })
  const outcomes = await Promise.all(
    [run(engine, [1]), run(engine, [1, 2]), run(engine, [1, 2, 3])].map(({ outcome }) => outcome),
  )
  // The token after position p is script[p % 4].
  t.same(
    outcomes.map(({ tokens }) => tokens),
    [
      [5, 6, 7, 8],
      [6, 7, 8, 5],
      [7, 8, 5, 6],
    ],
  )
  t.same(
    outcomes.map(({ reason, ends }) => [reason, ends]),
    [
      ['length', 1],
      ['length', 1],
      ['length', 1],
    ],
  )
  await engine.close()
})

t.test('a stop token ends the answer and is part of it', async (t) => {
  const engine = await startScripted()
  const { tokens, reason } = await run(engine, [1], { stopTokenIds: Int32Array.of(7), maxNewTokens: 100 }).outcome
  t.same([tokens, reason], [[5, 6, 7], 'stop'])
  await engine.close()
})

t.test('decode does not wait for a busy event loop', async (t) => {
  const engine = await startScripted()
  const { outcome } = run(engine, [1], { maxNewTokens: 50 })
  const batches: number[] = []
  const counted = new Promise<void>((resolve, reject) => {
    engine.submit(Int32Array.of(1), params({ maxNewTokens: 400 }), [
      { tokens: (tokens) => void batches.push(tokens.length), finished: () => resolve(), failed: reject },
    ])
  })
  const blocked = Date.now() + 500
  while (Date.now() < blocked);
  await outcome
  await counted
  t.equal(
    batches.reduce((sum, count) => sum + count, 0),
    400,
  )
  t.ok(batches.length < 400, `400 tokens came in ${batches.length} events`)
  await engine.close()
})

t.test('cancel: a running, a waiting, an ended and an unknown request', async (t) => {
  const engine = await startScripted({ step: 1000 })
  const running = run(engine, [1], { maxNewTokens: 1e6 })
  const waiting = run(engine, [1], { maxNewTokens: 1e6 })
  const last = run(engine, [1])
  engine.cancel(waiting.id)
  t.same(await waiting.outcome, { tokens: [], reason: 'cancelled', ends: 1 })
  engine.cancel(running.id)
  engine.cancel(running.id)
  t.equal((await running.outcome).reason, 'cancelled')
  t.equal((await last.outcome).reason, 'length', 'the others go on')
  engine.cancel(last.id)
  engine.cancel(12345)
  await engine.close()
})

t.test('close answers every request, then resolves; later requests are refused', async (t) => {
  const engine = await startScripted({ step: 1000 })
  const requests = [1, 2, 3].map(() => run(engine, [1], { maxNewTokens: 1e6 }))
  const closed = Promise.all([engine.close(), engine.close()])
  t.same(
    (await Promise.all(requests.map(({ outcome }) => outcome))).map(({ reason }) => reason),
    ['cancelled', 'cancelled', 'cancelled'],
  )
  await closed
  await t.rejects(run(engine, [1]).outcome, { code: 'ERR_CLOSED' })
})

t.test('a step that throws fails its request, the next ones go on', async (t) => {
  const engine = await startScripted({ failAt: 2 })
  await t.rejects(run(engine, [1]).outcome, { code: 'ERR_ENGINE', message: /scripted failure of step 2/ })
  t.same((await run(engine, [1]).outcome).tokens, [5, 6, 7, 8])
  await engine.close()
})

t.test('two failed steps in a row: the engine is dead and says why', async (t) => {
  const engine = await startScripted({ failAt: 1, failCount: 2 })
  const results = await Promise.allSettled([1, 2, 3].map(() => run(engine, [1]).outcome))
  const messages = results.map((result) => (result.status === 'rejected' ? result.reason.message : 'no failure'))
  t.same(messages, new Array(3).fill('scripted failure of step 1'), 'the first cause for all')
  t.match(engine.failure, { code: 'ERR_ENGINE', message: 'scripted failure of step 1' })
  await t.rejects(run(engine, [1]).outcome, { message: /step 1/ }, 'later requests too')
  await engine.close()
})

t.test('token ids outside the vocabulary never reach the runner', async (t) => {
  const engine = await startScripted({ vocabulary: 32 })
  for (const prompt of [[32], [-1], [1, 2 ** 31 - 1], []]) {
    await t.rejects(run(engine, prompt).outcome, { code: 'ERR_TOKEN_ID' }, JSON.stringify(prompt))
  }
  t.equal((await run(engine, [31]).outcome).reason, 'length')
  await engine.close()
})

t.test('a handler that throws fails its own request only', async (t) => {
  const engine = await startScripted()
  const failed = new Promise((resolve, reject) => {
    const throws = () => {
      throw new Error('boom')
    }
    engine.submit(Int32Array.of(1), params({ maxNewTokens: 1e6 }), [
      { tokens: throws, finished: reject, failed: resolve },
    ])
  })
  const { outcome } = run(engine, [1])
  t.match(await failed, { message: 'boom' })
  t.same((await outcome).tokens, [5, 6, 7, 8])
  await engine.close()
})

t.test('a model that is not there fails the load with a code', async (t) => {
  const config = {
    ...scriptedConfig(),
    runner: 'stateful' as const,
    modelPath: '/nowhere/openvino_model.xml',
  }
  await t.rejects(Engine.start(config), { code: 'ERR_MODEL_INVALID', message: /\/nowhere\/openvino_model\.xml/ })
})

t.test('an aborted load rejects with the reason of the signal', async (t) => {
  const reason = new Error('changed my mind')
  await t.rejects(Engine.start(scriptedConfig(), { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const loading = Engine.start(scriptedConfig(), { signal: controller.signal })
  controller.abort(reason)
  await t.rejects(loading, reason)
})

t.test('many at once: all answers are those of one alone', async (t) => {
  const engine = await startScripted({ sequences: 4, blocks: 64 })
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, i) => run(engine, Array(1 + i).fill(1), { maxNewTokens: 5 }).outcome),
  )
  const script = [5, 6, 7, 8]
  outcomes.forEach(({ tokens }, i) => {
    t.same(
      tokens,
      [0, 1, 2, 3, 4].map((step) => script[(i + step) % 4]),
    )
  })
  await engine.close()
})

t.test('priority: who waits goes by it, then by arrival; it does not starve', async (t) => {
  const engine = await startScripted({ step: 1000 })
  const first = run(engine, [1], { maxNewTokens: 1e6 })
  const ended: string[] = []
  const wait = (name: string, priority: number) =>
    run(engine, [1, 2], { priority, maxNewTokens: 1 }).outcome.then(() => ended.push(name))
  const others = [wait('a', 0), wait('b', 0), wait('low', -1), wait('high', 2), wait('c', 0)]
  engine.cancel(first.id)
  await Promise.all(others)
  t.same(ended, ['high', 'a', 'b', 'c', 'low'])
  await engine.close()
})

t.test('several answers to one prompt each get their own events', async (t) => {
  const engine = await startScripted({ sequences: 2, blocks: 64 })
  const ends: string[] = []
  const tokens: number[][] = [[], [], []]
  await new Promise<void>((resolve, reject) => {
    const handlers = tokens.map((list, i) => ({
      tokens: (more: Int32Array) => void list.push(...more),
      finished: (reason: string) => {
        ends.push(`${i} ${reason}`)
        if (ends.length === 3) resolve()
      },
      failed: reject,
    }))
    const ids = engine.submit(Int32Array.of(1, 2), params({ maxNewTokens: 3 }), handlers)
    t.equal(new Set(ids).size, 3)
  })
  t.same(tokens, [
    [6, 7, 8],
    [6, 7, 8],
    [6, 7, 8],
  ])
  t.same(ends.sort(), ['0 length', '1 length', '2 length'])
  await engine.close()
})

t.test('metrics count', async (t) => {
  const engine = await startScripted({ sequences: 2, blocks: 16 })
  t.match(engine.metrics(), { running: 0, waiting: 0, promptTokens: 0, steps: 0 })
  await Promise.all([run(engine, [1, 2, 3]).outcome, run(engine, [4, 5]).outcome, run(engine, [6]).outcome])
  while (engine.metrics().generatedTokens < 12) await new Promise((resolve) => setImmediate(resolve))
  const metrics = engine.metrics()
  t.match(metrics, {
    running: 0,
    waiting: 0,
    blocks: 16,
    blocksUsed: 0,
    promptTokens: 6,
    generatedTokens: 12,
    preemptions: 0,
  })
  for (const [name, value] of Object.entries(metrics)) t.ok(Number.isSafeInteger(value) && value >= 0, name)
  await engine.close()
})
