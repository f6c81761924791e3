import t from 'tap'
import { contextOf } from '#lib/context.js'

const files = { contextLength: 1000, contextReason: '' }
const ready = (longRopeThreshold: number, tokens: number) => ({
  longRopeThreshold,
  kvCache: { tokens, bytes: 0, blockTokens: 32 },
})

t.test('the least of what files, graph, KV cache and caller say, with the reason', async (t) => {
  t.same(contextOf(files, ready(0, 0), undefined), { length: 1000, reason: '' })
  t.same(contextOf(files, ready(0, 4000), undefined), { length: 1000, reason: '' })
  t.match(contextOf(files, ready(500, 4000), undefined), { length: 500, reason: /LongRoPE/ })
  t.same(contextOf(files, ready(500, 320), undefined), {
    length: 320,
    reason: 'the KV cache holds 320 tokens: kvCacheBytes',
  })
  t.same(contextOf(files, ready(0, 320), 100), { length: 100, reason: 'option contextLength' })
  t.throws(() => contextOf(files, ready(0, 320), 400), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /at most 320 \(the KV cache holds 320 tokens: kvCacheBytes\), found 400/,
  })
})
