import t from 'tap'
import { availableMemory } from '#lib/memory/available.js'
import { type KvCacheNeeds, kvCacheSize } from '#lib/memory/kv-cache.js'

const needs: KvCacheNeeds = {
  kvCacheBytes: undefined,
  contextLength: 1000,
  valuesPerToken: 1024,
  precision: 'f32',
  weightsBytes: 1e9,
  available: 100e9,
  lazy: true,
}

t.test('four contexts while memory is plenty', async (t) => {
  t.equal(kvCacheSize(needs).kvTokens, 4000)
  t.equal(kvCacheSize({ ...needs, lazy: false }).kvTokens, 1000, 'one where it is taken at once')
})

t.test('half of what the weights leave, but never below one context', async (t) => {
  // 4,096 bytes a token in f32: 2,000 tokens are 8,192,000 bytes.
  const tight = { ...needs, available: 1e9 + 2 * 8_192_000 }
  t.equal(kvCacheSize(tight).kvTokens, 2000)
  t.equal(kvCacheSize({ ...tight, precision: 'f16' }).kvTokens, 4000)
  t.equal(kvCacheSize({ ...tight, precision: 'F16' }).kvTokens, 4000)
  t.equal(kvCacheSize({ ...tight, precision: 'something new' }).kvTokens, 2000, 'counts as the largest')
  for (const available of [0, 1e9, 1e9 + 4096]) t.equal(kvCacheSize({ ...needs, available }).kvTokens, 1000)
  t.equal(kvCacheSize({ ...needs, valuesPerToken: undefined }).kvTokens, 1000, 'nobody knows what a token takes')
})

t.test('kvCacheBytes alone bounds it when it is given', async (t) => {
  const { kvTokens, kvBytes } = kvCacheSize({ ...needs, kvCacheBytes: 5e6, available: 0 })
  t.equal(kvBytes, 5e6)
  t.ok(kvTokens > 1e12 && Number.isFinite(kvTokens))
})

t.test('available memory is a number of bytes', async (t) => {
  t.ok(availableMemory() > 1e6)
})
