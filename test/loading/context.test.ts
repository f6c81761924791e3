import t from 'tap'
import type { ReadyInfo } from '#lib/engine/boundary.js'
import { contextOf } from '#lib/loading/context.js'

const files = { contextLength: 1000, longRopeBorder: undefined, contextReason: '' }
const ready = (tokens: number, ropeRegime: ReadyInfo['ropeRegime'] = 'none', longRopeBorder = 0) => ({
  longRopeBorder,
  ropeRegime,
  kvCache: { tokens, bytes: 0, blockTokens: 32, precision: '' },
  maxPrompt: 0,
})

t.test('the least of what files, KV cache and caller say, with the reason', async (t) => {
  t.same(contextOf(files, ready(0)), { length: 1000, reason: '' })
  t.same(contextOf(files, ready(4000)), { length: 1000, reason: '' })
  t.same(contextOf(files, ready(320)), { length: 320, reason: 'the KV cache holds 320 tokens: kvCacheBytes' })
  t.match(contextOf(files, { ...ready(96), maxPrompt: 64 }), { length: 96, reason: /prompts of 64 .*96 in all/ })
  t.same(contextOf(files, ready(320), { contextLength: 100 }), { length: 100, reason: 'option contextLength' })
  t.throws(() => contextOf(files, ready(320), { contextLength: 400 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /at most 320 \(the KV cache holds 320 tokens: kvCacheBytes\), found 400/,
  })
})

t.test('LongRoPE: the whole context where the graph holds both sets of factors, or the reason', async (t) => {
  const long = { ...files, longRopeBorder: 300 }
  for (const regime of ['auto', 'long'] as const)
    t.same(contextOf(long, ready(0, regime, 300), { ropeRegime: regime }), { length: 1000, reason: '' }, regime)
  t.same(contextOf(long, ready(0, 'short', 200), { ropeRegime: 'short' }), {
    length: 200,
    reason: 'the short LongRoPE factors end at 200 positions: option ropeRegime',
  })
  // Asked for nothing, but the device leaves the graph as it is.
  t.match(contextOf(long, ready(0, 'short', 200)), { length: 200, reason: /on this device .* ropeRegime 'long'/ })
  t.match(contextOf(long, ready(250, 'short', 200)), { length: 200, reason: /on this device/ })
  t.match(contextOf(long, ready(150, 'short', 200)), { length: 150, reason: /kvCacheBytes/ })
  t.match(contextOf(long, ready(0)), { length: 300, reason: /one set of LongRoPE factors.* 300 .*mid-2026/ })
  t.match(contextOf(long, ready(0), { ropeRegime: 'short' }), { length: 300 })
  t.throws(() => contextOf(long, ready(0), { contextLength: 301 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /at most 300 \(the graph holds one set of LongRoPE factors/,
  })
  t.throws(() => contextOf(files, ready(0), { ropeRegime: 'short' }), { code: 'ERR_UNSUPPORTED_MODEL' })
  t.same(contextOf(files, ready(0), { ropeRegime: 'auto' }).length, 1000)
})
