import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { checkBatch, type Prompts, runAll } from '#lib/generation/generate-all.js'
import type { Prompt } from '#lib/generation/prompt.js'
import type { GenerationResult } from '#lib/generation/result.js'

const result = (text: string) => ({ text }) as GenerationResult
const texts = (results: GenerationResult[]) => results.map(({ text }) => text)
const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

/** Requests that end when they are told to. */
function controlled() {
  const running = new Map<string, { end(): void; fail(error: unknown): void }>()
  const aborted: string[] = []
  let most = 0
  const run = (prompt: Prompt, signal: AbortSignal) =>
    new Promise<GenerationResult>((resolve, reject) => {
      const name = prompt as string
      const leave = () => running.delete(name)
      running.set(name, {
        end: () => {
          leave()
          resolve(result(name.toUpperCase()))
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      })
      most = Math.max(most, running.size)
      signal.addEventListener('abort', () => {
        if (leave()) aborted.push(name)
        reject(signal.reason)
      })
    })
  return { running, aborted, run, most: () => most }
}

t.test('results have the order of the prompts, whatever ends first; never more at a time than asked for', async (t) => {
  const { running, run, most } = controlled()
  const all = runAll(['a', 'b', 'c', 'd', 'e'], { concurrency: 2 }, run)
  for (const name of ['b', 'c', 'd', 'a', 'e']) {
    while (!running.has(name)) await turn()
    running.get(name)?.end()
  }
  t.same(texts(await all), ['A', 'B', 'C', 'D', 'E'])
  t.equal(most(), 2)
})

t.test('prompts are taken when their turn has come, from any iterable', async (t) => {
  const { running, run } = controlled()
  let taken = 0
  function* prompts() {
    for (const name of ['a', 'b', 'c']) {
      taken++
      yield name
    }
  }
  const all = runAll(prompts(), { concurrency: 1 }, run)
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    while (!running.has(name)) await turn()
    t.equal(taken, i + 1)
    running.get(name)?.end()
  }
  t.equal((await all).length, 3)

  async function* later() {
    for (const name of ['x', 'y', 'z']) {
      await turn()
      yield name
    }
  }
  t.same(texts(await runAll(later(), { concurrency: 8 }, async (prompt) => result(prompt as string))), ['x', 'y', 'z'])
  t.same(await runAll([], { concurrency: 8 }, never as never), [])
  t.same(texts(await runAll(new Set(['s']), {}, async (prompt) => result(prompt as string))), ['s'])
})

t.test('progress counts what has ended', async (t) => {
  const seen: unknown[] = []
  const onProgress = (progress: unknown) => void seen.push(progress)
  await runAll(['a', 'b'], { onProgress }, async () => result(''))
  t.same(seen, [
    { done: 1, total: 2 },
    { done: 2, total: 2 },
  ])
  seen.length = 0
  await runAll(new Set(['a']), { onProgress }, async () => result(''))
  t.same(seen, [{ done: 1, total: undefined }])
  const error = new Error('from onProgress')
  const throwing = () => {
    throw error
  }
  await t.rejects(
    runAll(['a'], { onProgress: throwing }, async () => result('')),
    error,
  )
})

t.test('the first failure cancels what runs, and nothing more is taken', async (t) => {
  const { running, aborted, run } = controlled()
  let returned = false
  const prompts = {
    *[Symbol.iterator]() {
      try {
        yield* ['a', 'b', 'c', 'd']
      } finally {
        returned = true
      }
    },
  }
  const error = new Error('b failed')
  const all = runAll(prompts, { concurrency: 2 }, run)
  while (!running.has('b')) await turn()
  running.get('b')?.fail(error)
  await t.rejects(all, error)
  await turn()
  t.same(aborted, ['a'])
  t.equal(running.size, 0)
  t.equal(returned, true, 'the iterator was told')
})

t.test('stopOnError: false goes on and collects the failures', async (t) => {
  const run = async (prompt: Prompt) => {
    if (prompt === 'b' || prompt === 'd') throw new Error(`no ${prompt}`)
    return result(prompt as string)
  }
  const seen: number[] = []
  const onProgress = ({ done }: { done: number }) => void seen.push(done)
  const error = await runAll(['a', 'b', 'c', 'd', 'e'], { stopOnError: false, onProgress }, run).catch((e) => e)
  t.type(error, AggregateError)
  t.same(
    error.errors.map(({ message }: Error) => message),
    ['no b', 'no d'],
  )
  t.match(error.message, /2 of 5/)
  t.same(seen, [1, 2, 3, 4, 5])
})

t.test('an abort ends all at once, even while the list keeps one waiting', async (t) => {
  const reason = new Error('enough')
  const { running, aborted, run } = controlled()
  const controller = new AbortController()
  const all = runAll(['a', 'b', 'c'], { concurrency: 2, signal: controller.signal, stopOnError: false }, run)
  while (running.size < 2) await turn()
  controller.abort(reason)
  await t.rejects(all, reason)
  t.same(aborted.sort(), ['a', 'b'])

  const other = new AbortController()
  async function* silent(): AsyncGenerator<string> {
    await new Promise(() => {})
  }
  const waiting = runAll(silent(), { signal: other.signal }, run)
  await turn()
  other.abort(reason)
  await t.rejects(waiting, reason)
  await t.rejects(runAll(['a'], { signal: AbortSignal.abort(reason) }, run), reason)
})

t.test('a list that fails ends all with its error', async (t) => {
  const error = new Error('no more prompts')
  async function* failing() {
    yield 'a'
    throw error
  }
  await t.rejects(
    runAll(failing(), { concurrency: 2, stopOnError: false }, (_, signal) => never(signal)),
    error,
  )
})

t.test('misuse', async (t) => {
  for (const wrong of ['one prompt', 5, null, undefined, { tokens: [1] }]) {
    t.throws(() => checkBatch(wrong as unknown as Prompts, {}), { name: 'TypeError', message: /expected prompts/ })
  }
  t.throws(() => checkBatch([], { concurrency: 0 }), /concurrency/)
  t.throws(() => checkBatch([], { onText: () => {} } as object), /unknown option onText/)
  t.throws(() => checkBatch([], { stopOnError: 'no' } as object), /stopOnError/)
  t.same(checkBatch(['x'], { concurrency: 3, maxNewTokens: 5 }), {
    request: { maxNewTokens: 5 },
    batch: { concurrency: 3, onProgress: undefined, stopOnError: undefined, signal: undefined },
  })
})

t.test('many at a time listen to one signal, and nothing is warned about', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => void warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const run = (_: Prompt, signal: AbortSignal) => never(signal)
  const controller = new AbortController()
  const all = runAll(Array(20).fill('x'), { concurrency: 20, signal: controller.signal }, run)
  await turn()
  controller.abort(new Error('enough'))
  await t.rejects(all, /enough/)
  await turn()
  t.same(warnings, [])
})
