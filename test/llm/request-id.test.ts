import t from 'tap'
import { loadTiny } from './fixtures.js'

t.test('an error of a call has the id that the caller gave the request', async (t) => {
  const llm = await loadTiny()
  const id = { requestId: 'mine' }
  const named = { name: 'TypeError', requestId: 'mine' }
  t.throws(() => llm.stream(5 as never, id), named)
  t.throws(() => llm.stream('Hi', { ...id, temperature: -1 }), named)
  t.throws(() => llm.stream('Hi', { ...id, doSample: true, temperature: 0 }), named)
  t.throws(() => llm.stream('Hi', { ...id, numReturnSequences: 2, temperature: 0 }), named)
  t.throws(() => llm.stream({ tokens: [1e6] }, id), { code: 'ERR_TOKEN_ID', requestId: 'mine' })
  await t.rejects(llm.generate('Hi', { ...id, unknown: 1 } as never), named)
  await t.rejects(llm.warm('Hi', { ...id, maxNewTokens: 1 } as never), named)
  await t.rejects(llm.score('Hi', [], id), named)
  await t.rejects(llm.score('', ['a'], id), named)
  await t.rejects(llm.score({ tokens: Array(256).fill(9) }, [{ tokens: [1] }], id), {
    code: 'ERR_CONTEXT_LENGTH',
    requestId: 'mine',
  })
  await t.rejects(llm.perplexity('', id), named)
  await t.rejects(llm.perplexity('a b', { ...id, stride: 0 }), named)
  // Without one, with one that is none, or with the caller's own reason, nothing is added.
  for (const requestId of [undefined, 5, '']) {
    const error = await llm.generate('Hi', { topK: -1, requestId } as never).catch((error: unknown) => error)
    t.notOk(Object.hasOwn(error as Error, 'requestId'))
  }
  const reason = new TypeError('enough')
  await t.rejects(llm.score('Hi', ['a'], { ...id, signal: AbortSignal.abort(reason) }), { message: 'enough' })
  t.notOk(Object.hasOwn(reason, 'requestId'))
  t.throws(() => llm.stream('Hi', null as never), { name: 'TypeError' })
  await llm.close()
  t.throws(() => llm.stream('Hi', id), { code: 'ERR_CLOSED', requestId: 'mine' })
  await t.rejects(llm.warm('Hi', id), { code: 'ERR_CLOSED', requestId: 'mine' })
})
