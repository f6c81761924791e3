import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LLM, type LoadOptions, type ModelWarning } from '#lib/index.js'
import { exact, tiny } from './fixtures.js'

// The file of the compiled graph, from the outside. By itself: test/native/openvino/kept/.

const options: LoadOptions = { packedCacheBytes: Number.POSITIVE_INFINITY, ovConfig: exact, contextLength: 100 }
const prompt = { tokens: Array.from({ length: 30 }, (_, i) => (i * 31 + 7) % 480) }

/**
 * Loads, answers, closes. A graph that is compiled begins by reading the model; one that was kept is reported when it is there.
 */
async function answer(model: string, changes: LoadOptions = {}) {
  const warnings: ModelWarning[] = []
  let compiled = false
  await using llm = await LLM.load(tiny(model), {
    ...options,
    ...changes,
    onWarning: (one) => void warnings.push(one),
    onProgress: ({ stage, done }) => {
      compiled ||= stage === 'read' && done === 0
    },
  })
  const { tokens } = await llm.generate(prompt, { maxNewTokens: 24, ignoreEos: true })
  const { runner, kernels, attention, precision } = llm.info
  return { compiled, tokens, warnings, runner, kernels: kernels.map(({ kernel }) => kernel), attention, precision }
}

function useCache(t: Test): string {
  const cache = t.testdir({})
  process.env.OPENVINO_LLM_CACHE = cache
  t.teardown(() => {
    delete process.env.OPENVINO_LLM_CACHE
  })
  return join(cache, 'graphs')
}

t.test('the second load takes the graph that the first one compiled, and answers the same', async (t) => {
  useCache(t)
  const models = [
    'tiny-llama',
    'tiny-llama-fp32',
    'tiny-phi3',
    'tiny-phi3-longrope-int8',
    'tiny-phi3-sw16-fp32',
    'tiny-qwen3-moe',
  ]
  for (const model of models) {
    for (const [engine, cpuAttention] of [
      ['paged', 'builtin'],
      ['paged', 'openvino'],
      ['stateful', 'openvino'],
    ] as const) {
      if (cpuAttention === 'builtin' && model === 'tiny-phi3') continue // nothing that the others have not
      const changes: LoadOptions = { engine, cpuKernel: 'builtin', cpuAttention }
      const without = await answer(model, { ...changes, packedCacheBytes: 0 })
      t.same(await answer(model, changes), without, `${model}, ${engine}, ${cpuAttention}: the first`)
      t.same(
        await answer(model, changes),
        { ...without, compiled: false },
        `${model}, ${engine}, ${cpuAttention}: the second`,
      )
    }
  }
})

t.test('other settings have a graph of their own', async (t) => {
  const folder = useCache(t)
  const changes: LoadOptions[] = [
    {},
    { contextLength: 64 },
    { maxSequences: 3 },
    { activationQuantization: 'group' },
    { ovConfig: { ...exact, KV_CACHE_PRECISION: 'u8' } },
    { threads: 1 },
  ]
  for (const [index, change] of changes.entries()) {
    t.equal((await answer('tiny-llama', { cpuKernel: 'builtin', ...change })).compiled, true, JSON.stringify(change))
    t.equal(readdirSync(folder).length, index + 1)
  }
  for (const change of changes) {
    t.equal((await answer('tiny-llama', { cpuKernel: 'builtin', ...change })).compiled, false, JSON.stringify(change))
  }
})

t.test('what is damaged, cut off or of another model is compiled anew and replaced', async (t) => {
  const folder = useCache(t)
  const first = await answer('tiny-llama', { cpuKernel: 'builtin' })
  const [name = ''] = readdirSync(folder)
  const file = join(folder, name)
  const whole = readFileSync(file)
  await answer('tiny-phi3', { cpuKernel: 'builtin' })
  const [other = ''] = readdirSync(folder).filter((one) => one !== name)
  const flipped = (offset: number) => {
    const bytes = Buffer.from(whole)
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset)
    return () => writeFileSync(file, bytes)
  }
  const damages: Record<string, () => void> = {
    'a flipped bit of the graph': flipped(whole.length >> 1),
    'a flipped bit of the trailer': flipped(whole.length - 20),
    'a truncated file': () => truncateSync(file, whole.length - 4096),
    'an empty file': () => truncateSync(file, 0),
    "another model's file": () => writeFileSync(file, readFileSync(join(folder, other))),
    'packed weights that are gone': () => {
      for (const packed of readdirSync(join(folder, '..', 'packed')))
        truncateSync(join(folder, '..', 'packed', packed), 0)
    },
  }
  for (const [what, damage] of Object.entries(damages)) {
    damage()
    t.same(await answer('tiny-llama', { cpuKernel: 'builtin' }), first, what)
    t.same(await answer('tiny-llama', { cpuKernel: 'builtin' }), { ...first, compiled: false }, `${what} is replaced`)
  }
})

t.test('nothing is kept before an answer, without room, or of a draft model', async (t) => {
  const folder = useCache(t)
  await (await LLM.load(tiny('tiny-llama'), options)).close()
  t.same(readdirSync(folder), [])
  const { size } = statSync(join(tiny('tiny-llama'), 'openvino_model.bin'))
  await answer('tiny-llama', { packedCacheBytes: size - 1 })
  t.same(readdirSync(folder), [])
  await answer('tiny-llama', { draftModel: tiny('tiny-llama') })
  t.equal(readdirSync(folder).length, 1)
})
