import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Engine } from '#lib/engine/engine.js'
import { GenerationStream } from '#lib/generation/stream.js'
import type { TextFilter } from '#lib/options/filter.js'
import { Answer } from '#lib/output/answer.js'
import { params, type ScriptOptions, startScripted } from '../engine/scripted.js'
import { tableOf } from './table.js'

// The script spells "abcd" again and again.
const table = tableOf([...'abcdefgh'])
const script = [0, 1, 2, 3]

interface Options extends ScriptOptions {
  maxNewTokens?: number
  stopWords?: string[]
  /** Other stop words for each answer. */
  stopWordsOf?: (index: number) => string[]
  timeout?: number
  count?: number
  signal?: AbortSignal
  onText?: (text: string) => void
  onToken?: (token: number, index: number) => void
  filter?: TextFilter
  /** Replaces the preparation of the prompt. */
  prepare?: (signal: AbortSignal) => Promise<void>
}

async function open(options: Options = {}): Promise<{ engine: Engine; stream: () => GenerationStream }> {
  const engine = await startScripted({ script, vocabulary: 8, ...options })
  const stream = () =>
    new GenerationStream({
      signal: options.signal,
      onText: options.onText,
      onToken: options.onToken,
      filter: options.filter,
      requestId: 'r',
      callSite: () => '    at the caller',
      timeout: options.timeout,
      count: options.count ?? 1,
      start: async (handlers, signal) => {
        await options.prepare?.(signal)
        const answers = handlers.map((_, index) => {
          const stopWords = options.stopWordsOf?.(index) ?? options.stopWords ?? []
          const rest = { stopTokens: new Set<number>(), skipSpecialTokens: true, continuation: false }
          return new Answer(table, { stopWords, ...rest, index })
        })
        const prompt = Int32Array.of(3, 3, 3, 3)
        const ids = engine.submit(prompt, params({ maxNewTokens: options.maxNewTokens ?? 8 }), handlers)
        const cancel = (index: number) => engine.cancel(ids[index] as number)
        return { answers, promptTokens: 4, seed: null, times: { tokenize: 1, load: 2 }, cancel }
      },
    })
  return { engine, stream }
}

/** With steps of a millisecond and a bound that is never reached, only a cancel ends it. */
const endless = { step: 1000, maxNewTokens: 1e6 }

t.test('parts and result agree', async (t) => {
  const { engine, stream } = await open()
  const it = stream()
  const parts = []
  for await (const part of it) parts.push(part)
  const result = await it.result
  t.equal(parts.map(({ text }) => text).join(''), 'dabcdabc')
  t.same(
    parts.flatMap(({ tokens }) => tokens),
    result.tokens,
  )
  t.equal(result.text, 'dabcdabc')
  t.equal(result.finishReason, 'length')
  t.same(result.usage, {
    promptTokens: 4,
    completionTokens: 8,
    reasoningTokens: 0,
    totalTokens: 12,
    cachedTokens: 0,
    draftTokens: 0,
    acceptedTokens: 0,
  })
  for (const [name, value] of Object.entries(result.timings)) t.ok(value >= 0, name)
  await engine.close()
})

t.test('it goes on whether or not anybody reads, and can be read later', async (t) => {
  const { engine, stream } = await open()
  const it = stream()
  t.equal((await it.result).text, 'dabcdabc')
  let text = ''
  for await (const part of it) text += part.text
  t.equal(text, 'dabcdabc')
  await engine.close()
})

t.test('it can be iterated once', async (t) => {
  const { engine, stream } = await open()
  const it = stream()
  for await (const _ of it);
  t.throws(() => it[Symbol.asyncIterator](), { name: 'TypeError', message: /once/ })
  t.throws(() => it.toReadableStream(), { name: 'TypeError' })
  await engine.close()
})

t.test('leaving the loop stops the computation', async (t) => {
  const { engine, stream } = await open(endless)
  const it = stream()
  for await (const _ of it) break
  const { finishReason, tokens } = await it.result
  t.equal(finishReason, 'cancelled')
  t.ok(tokens.length >= 1)
  await engine.close()
})

t.test('a stop word ends the answer before it, and the computation', async (t) => {
  const { engine, stream } = await open({ ...endless, stopWords: ['cda'] })
  const { text, finishReason, tokens, usage } = await stream().result
  t.same([text, finishReason, tokens], ['dab', 'stop', [3, 0, 1, 2, 3, 0]])
  t.equal(usage.completionTokens, 6)
  await engine.close()
})

t.test('abort: before, while the prompt is prepared, while decoding, after the end', async (t) => {
  const reason = new Error('enough')
  const before = await open({ signal: AbortSignal.abort(reason) })
  await t.rejects(before.stream().result, reason)
  await before.engine.close()

  const preparing = new AbortController()
  let prepareSignal: AbortSignal | undefined
  const waits = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => {
      prepareSignal = signal
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  const early = await open({ signal: preparing.signal, prepare: waits })
  const first = early.stream()
  preparing.abort(reason)
  await t.rejects(first.result, reason)
  t.equal(prepareSignal?.aborted, true, 'the preparation is told')
  await early.engine.close()

  const decoding = new AbortController()
  const late = await open({ ...endless, signal: decoding.signal })
  const second = late.stream()
  await t.rejects(async () => {
    for await (const _ of second) decoding.abort(reason)
  }, reason)
  await t.rejects(second.result, reason)
  await late.engine.close()

  const after = new AbortController()
  const done = await open({ signal: after.signal })
  const third = done.stream()
  await third.result
  after.abort(reason)
  t.equal((await third.result).finishReason, 'length')
  await done.engine.close()
})

t.test('onText gets every piece; what it throws is the error of the request', async (t) => {
  let text = ''
  const { engine, stream } = await open({ onText: (piece) => (text += piece) })
  await stream().result
  t.equal(text, 'dabcdabc')
  await engine.close()

  const error = new Error('from onText')
  const throwing = await open({
    ...endless,
    onText: () => {
      throw error
    },
  })
  await t.rejects(throwing.stream().result, error)
  await throwing.engine.close()
})

t.test('a failure rejects result and iteration with the same error and the caller in its stack', async (t) => {
  const { engine, stream } = await open({ failAt: 3 })
  const it = stream()
  await t.rejects(
    async () => {
      for await (const _ of it);
    },
    { code: 'ERR_ENGINE' },
  )
  const error = await it.result.catch((reason) => reason)
  t.equal(error.code, 'ERR_ENGINE')
  t.match(error.stack, /at the caller/)
  await engine.close()
})

t.test('an error that a callback throws more than once gets one call site, and a frozen one none', async (t) => {
  const shared = new Error('from onText')
  const frozen = Object.freeze(new Error('frozen'))
  for (const error of [shared, shared, frozen]) {
    const throws = () => {
      throw error
    }
    const { engine, stream } = await open({ ...endless, onText: throws })
    t.equal(await stream().result.catch((reason) => reason), error)
    await engine.close()
  }
  t.equal(shared.stack?.split('at the caller').length, 2)
  t.notMatch(frozen.stack, /at the caller/)
})

t.test('closing the engine rejects what runs', async (t) => {
  const { engine, stream } = await open(endless)
  const it = stream()
  const iterator = it[Symbol.asyncIterator]()
  await iterator.next()
  await engine.close()
  await t.rejects(it.result, { code: 'ERR_CLOSED' })
})

t.test('several next() at once are all answered', async (t) => {
  const { engine, stream } = await open({ maxNewTokens: 2 })
  const iterator = stream()[Symbol.asyncIterator]()
  const all = await Promise.all([1, 2, 3, 4].map(() => iterator.next()))
  t.equal(all.map(({ value }) => value?.text ?? '').join(''), 'da')
  t.equal(all.at(-1)?.done, true)
  await engine.close()
})

t.test('as a web stream; cancelling it stops the computation', async (t) => {
  const { engine, stream } = await open()
  let text = ''
  for await (const part of stream().toReadableStream()) text += part.text
  t.equal(text, 'dabcdabc')
  await engine.close()

  const long = await open(endless)
  const it = long.stream()
  const reader = it.toReadableStream().getReader()
  await reader.read()
  await reader.cancel()
  t.equal((await it.result).finishReason, 'cancelled')
  await long.engine.close()
})

t.test('a timeout cancels, rejects with ERR_TIMEOUT, and does not outlive the request', async (t) => {
  const { engine, stream } = await open({ ...endless, timeout: 5 })
  const it = stream()
  await t.rejects(it.result, { code: 'ERR_TIMEOUT', message: /5 ms/ })
  await t.rejects(
    async () => {
      for await (const _ of it);
    },
    { code: 'ERR_TIMEOUT' },
  )
  while (engine.metrics().running > 0) await new Promise((resolve) => setImmediate(resolve))
  await engine.close()

  const preparing = await open({ timeout: 5, prepare: () => new Promise(() => {}) })
  // An unreferenced timer alone would let the test end.
  const alive = setInterval(() => {}, 1000)
  await t.rejects(preparing.stream().result, { code: 'ERR_TIMEOUT' }, 'the preparation counts')
  clearInterval(alive)
  await preparing.engine.close()

  const cleared = t.capture(globalThis, 'clearTimeout', clearTimeout)
  const quick = await open({ timeout: 2 ** 31 - 1 })
  t.equal((await quick.stream().result).text, 'dabcdabc')
  t.ok(cleared().some(({ args: [timer] }) => timer !== undefined))
  await quick.engine.close()
})

t.test('several answers: each with its own parts, end and stop words', async (t) => {
  const { engine, stream } = await open({ count: 3, sequences: 3, stopWordsOf: (i) => (i === 1 ? ['cda'] : []) })
  const it = stream()
  const pieces = ['', '', '']
  for await (const { index, text } of it) pieces[index] += text
  const { answers, text, finishReason, usage } = await it.result
  t.same(
    answers.map((answer) => [answer.text, answer.finishReason]),
    [
      ['dabcdabc', 'length'],
      ['dab', 'stop'],
      ['dabcdabc', 'length'],
    ],
  )
  t.same(pieces, ['dabcdabc', 'dab', 'dabcdabc'])
  t.same([text, finishReason], ['dabcdabc', 'length'])
  t.same([usage.promptTokens, usage.completionTokens, usage.totalTokens], [4, 22, 26])
  await engine.close()
})

t.test('leaving the loop ends all answers', async (t) => {
  const { engine, stream } = await open({ ...endless, count: 2, sequences: 2 })
  const it = stream()
  for await (const _ of it) break
  const { answers } = await it.result
  t.same(
    answers.map(({ finishReason }) => finishReason),
    ['cancelled', 'cancelled'],
  )
  await engine.close()
})

t.test('onToken gets every token when its part is handed out', async (t) => {
  const heard: [number, number][] = []
  const onToken = (token: number, index: number) => void heard.push([token, index])
  const { engine, stream } = await open({ onToken, count: 2, sequences: 2, stopWords: ['cda'] })
  const { answers } = await stream().result
  for (const index of [0, 1])
    t.same(
      heard.filter(([, which]) => which === index).map(([token]) => token),
      answers[index]?.tokens,
    )
  await engine.close()

  const error = new Error('from onToken')
  const throws = () => {
    throw error
  }
  const throwing = await open({ ...endless, onToken: throws })
  await t.rejects(throwing.stream().result, error)
  await throwing.engine.close()
})

/** Waits until the engine computes nothing. */
async function idle(engine: Engine): Promise<void> {
  while (engine.metrics().running > 0) await turn()
}

t.test('a filter comes before everybody else: parts, callbacks, result, web stream', async (t) => {
  let heard = ''
  const filter: TextFilter = async (text) => text.toUpperCase()
  const { engine, stream } = await open({ filter, onText: (text) => (heard += text) })
  const it = stream()
  let read = ''
  for await (const { text, requestId } of it) {
    read += text
    t.equal(requestId, 'r')
  }
  const { text, tokens, finishReason } = await it.result
  t.same([text, read, heard, finishReason], ['DABCDABC', 'DABCDABC', 'DABCDABC', 'length'])
  t.same(tokens, [3, 0, 1, 2, 3, 0, 1, 2])
  let web = ''
  for await (const part of stream().toReadableStream()) web += part.text
  t.equal(web, 'DABCDABC')
  await engine.close()
})

t.test('a filter that stops ends the answer and its computation', async (t) => {
  const filter: TextFilter = (text, { before }) =>
    (before + text).includes('da') ? { stop: true, text: '…' } : { hold: 1 }
  const { engine, stream } = await open({ ...endless, filter })
  const { text, finishReason, tokens, usage } = await stream().result
  t.same([text, finishReason, tokens, usage.completionTokens], ['…', 'content-filter', [], 0])
  await idle(engine)
  await engine.close()

  // The engine is done long before the filter has seen anything.
  const slow: TextFilter = async () => {
    await turn()
    return { stop: true }
  }
  const ended = await open({ filter: slow })
  t.match(await ended.stream().result, { text: '', finishReason: 'content-filter' })
  await ended.engine.close()
})

t.test('each answer is filtered by itself', async (t) => {
  const done: number[] = []
  const filter: TextFilter = (text, context) => {
    if (context.done) done.push(context.index)
    if (context.index === 1 && context.before.length > 2) return { stop: true }
    return context.index === 2 ? text.toUpperCase() : undefined
  }
  const { engine, stream } = await open({ filter, count: 3, sequences: 3, maxNewTokens: 400, step: 100 })
  const it = stream()
  const pieces = ['', '', '']
  for await (const { index, text } of it) pieces[index] += text
  const { answers } = await it.result
  t.same(
    answers.map(({ finishReason }) => finishReason),
    ['length', 'content-filter', 'length'],
  )
  t.same(
    answers.map(({ text }) => text),
    pieces,
  )
  t.equal(pieces[0], 'dabc'.repeat(100))
  t.ok(pieces[1]?.length)
  t.equal(pieces[2], 'DABC'.repeat(100))
  t.same(done.sort(), [0, 2])
  await engine.close()
})

t.test('a filter that fails fails its request with the cause; a stop word or an end is no way around it', async (t) => {
  const cause = new Error('moderation is down')
  const { engine, stream } = await open({ ...endless, filter: () => Promise.reject(cause) })
  const it = stream()
  const error = await it.result.catch((reason) => reason)
  t.match(error, { code: 'ERR_FILTER', cause, requestId: 'r', message: /moderation is down/ })
  t.match(error.stack, /at the caller/)
  await t.rejects(
    async () => {
      for await (const _ of it) t.fail('nothing was let through')
    },
    { code: 'ERR_FILTER' },
  )
  await idle(engine)
  await engine.close()

  const last: TextFilter = (_, { done }) => {
    if (done) throw cause
  }
  for (const options of [{}, { ...endless, stopWords: ['cda'] }]) {
    const late = await open({ ...options, filter: last })
    await t.rejects(late.stream().result, { code: 'ERR_FILTER' })
    await late.engine.close()
  }
})

t.test('a filter that never answers: abort, timeout and leaving end the request; other requests go on', async (t) => {
  const signals: AbortSignal[] = []
  const never: TextFilter = (_, { signal }) => {
    signals.push(signal)
    return new Promise(() => {})
  }
  const calls = async (count: number) => {
    while (signals.length < count) await turn()
  }
  const controller = new AbortController()
  const { engine, stream } = await open({ filter: never, signal: controller.signal })
  const stuck = stream()
  await calls(1)
  const other = new GenerationStream({
    requestId: 'other',
    callSite: () => '',
    start: async (handlers) => {
      const rest = { stopWords: [], stopTokens: new Set<number>(), skipSpecialTokens: true, continuation: false }
      engine.submit(Int32Array.of(3), params({ maxNewTokens: 40 }), handlers)
      return {
        answers: [new Answer(table, rest)],
        promptTokens: 1,
        seed: null,
        times: { tokenize: 0, load: 0 },
        cancel: () => {},
      }
    },
  })
  t.equal((await other.result).text.length, 40, 'the engine waits for no filter')
  t.equal(signals.length, 1)
  const reason = new Error('enough')
  controller.abort(reason)
  await t.rejects(stuck.result, reason)
  t.ok(signals[0]?.aborted)
  await engine.close()

  // An unreferenced timer alone would let the test end.
  const alive = setInterval(() => {}, 1000)
  const timed = await open({ filter: never, timeout: 5 })
  await t.rejects(timed.stream().result, { code: 'ERR_TIMEOUT', requestId: 'r' })
  clearInterval(alive)
  await timed.engine.close()

  for (const options of [{}, endless]) {
    const before = signals.length
    const left = await open({ ...options, filter: never })
    const it = left.stream()
    const iterator = it[Symbol.asyncIterator]()
    const next = iterator.next()
    await calls(before + 1)
    if (options !== endless) await idle(left.engine)
    await iterator.return?.()
    t.equal((await next).done, true)
    t.match(await it.result, { text: '', tokens: [], finishReason: 'cancelled' })
    await left.engine.close()
  }
})
