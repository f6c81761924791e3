import t from 'tap'
import { bothNeeds, type MemoryInputs, memoryNeeds } from '#lib/memory/needs.js'

const facts: MemoryInputs = {
  weights: { u4: 1000, u8: 500, f16: 20, i64: 8 },
  weightsBytes: 1600,
  graphBytes: 10,
  vocabularySize: 100,
  kvValuesPerToken: 64,
  matmulWidth: 300,
  layers: 3,
  builtinKernels: false,
  packedBytes: 1200,
  keepsPages: true,
  inferencePrecision: 'bf16',
  kvPrecision: 'f16',
  prefillChunk: 256,
  contextLength: 1024,
  concurrency: 2,
  helps: false,
}

t.test('integers keep their size and their scales become f32; the file is mapped beside them', async (t) => {
  t.same(memoryNeeds(facts).weights, { packed: 1000 + 500 + 40 + 8, mapped: 1600 })
  t.same(memoryNeeds({ ...facts, builtinKernels: true }).weights, { packed: 1200, mapped: 1600 })
  t.same(
    memoryNeeds({ ...facts, builtinKernels: true, packedBytes: 0 }).weights,
    memoryNeeds(facts).weights,
    'there is nothing that the built-in kernels take',
  )
})

t.test('where pages are given back only floats may still lie in the file', async (t) => {
  const mapped = (changes: Partial<MemoryInputs>) =>
    memoryNeeds({ ...facts, keepsPages: false, ...changes }).weights.mapped
  t.equal(mapped({}), 0)
  t.equal(mapped({ builtinKernels: true }), 0)
  t.equal(mapped({ weights: { f32: 1600 } }), 1600)
})

t.test('float weights take what the device computes in', async (t) => {
  const packed = (type: string, inferencePrecision: string) =>
    memoryNeeds({ ...facts, weights: { [type]: 1000 }, inferencePrecision }).weights.packed
  t.equal(packed('f32', 'f32'), 1000)
  t.equal(packed('f32', 'bf16'), 500)
  t.equal(packed('f16', 'f16'), 1000)
  t.equal(packed('f16', 'f32'), 2000)
  t.equal(packed('bf16', ''), 2000, 'unknown counts as the largest')
})

t.test('keys and values grow with contexts, activations with the step', async (t) => {
  t.equal(memoryNeeds(facts).kvCache, 64 * 2 * 1024 * 2)
  t.equal(memoryNeeds({ ...facts, kvPrecision: 'f32' }).kvCache, 64 * 4 * 1024 * 2)
  t.equal(memoryNeeds(facts).activations, 4 * (2 * 256 * 100 + 2 * 100))
  t.equal(memoryNeeds({ ...facts, contextLength: 16 }).activations, 4 * (2 * 16 * 100 + 2 * 100))
  const { weights, kvCache, activations, runtime, total } = memoryNeeds(facts)
  t.equal(total, weights.packed + weights.mapped + kvCache + activations + runtime)
})

t.test('a model that helps another one brings its graph alone', async (t) => {
  const alone = memoryNeeds(facts)
  const helper = memoryNeeds({ ...facts, helps: true })
  t.equal(helper.runtime, 25 * facts.graphBytes)
  t.equal(alone.runtime - helper.runtime, alone.total - helper.total)
  const { weights, kvCache, activations, runtime, total } = bothNeeds(alone, helper)
  t.same(weights, { packed: 2 * alone.weights.packed, mapped: 2 * alone.weights.mapped })
  t.equal(kvCache, 2 * alone.kvCache)
  t.equal(total, weights.packed + weights.mapped + kvCache + activations + runtime)
})
