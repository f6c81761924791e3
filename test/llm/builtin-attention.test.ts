import t from 'tap'
import type { EngineConfig, NativeComparison } from '#lib/engine/boundary.js'
import { runJob } from '#lib/engine/job.js'
import type { LoadOptions } from '#lib/index.js'
import { exact, goldenTiny, loadTiny } from './fixtures.js'
import { tinyConfig } from './runners.js'

// The built-in attention against OpenVINO's on whole models. By itself: test/native/kernels/attention_test.cc.

const greedy = { temperature: 0, ignoreEos: true } as const
const builtin: LoadOptions = { engine: 'paged', cpuAttention: 'builtin', ovConfig: exact }

t.test('in f32 answers equal those of transformers, beyond the sliding window too', async (t) => {
  for (const [name, folder] of [
    ['tiny-llama', 'tiny-llama-fp32'],
    ['tiny-phi3-sw16', 'tiny-phi3-sw16-fp32'],
  ] as const) {
    for (const cpuKernel of ['auto', 'portable'] as const) {
      await using llm = await loadTiny(folder, { ...builtin, cpuKernel })
      t.equal(llm.info.attention.length, 1)
      t.match(llm.info.attention[0], { kernel: /^(avx512|avx2|portable)$/, layers: 2, reason: 'option cpuAttention' })
      t.same(llm.info.precision.kvCache, 'f32')
      const cases = goldenTiny()[name]?.cases ?? []
      const answers = await Promise.all(
        cases.map(({ prompt, greedy: expected }) =>
          llm.generate({ tokens: prompt }, { ...greedy, maxNewTokens: expected.length }),
        ),
      )
      cases.forEach((expected, i) => {
        t.same(answers[i]?.tokens, expected.greedy, `${folder} ${cpuKernel} case ${i}`)
      })
    }
  }
})

t.test('with each precision of the cache it is as near to f32 as OpenVINO is', async (t) => {
  const tokens = Int32Array.from({ length: 150 }, (_, i) => (i * 7919) % 480)
  for (const model of ['tiny-llama-fp32', 'tiny-phi3']) {
    const compare = (precision: string, cpuAttention: string): Promise<NativeComparison> => {
      const side = (runner: 'paged' | 'stateful', changes: Partial<EngineConfig>): EngineConfig => ({
        ...tinyConfig(model, runner),
        ...changes,
      })
      const ovConfig = { ...exact, KV_CACHE_PRECISION: precision }
      const properties = Object.entries(ovConfig).map(([key, value]) => `${key}=${value}`)
      return runJob('compare', {
        left: side('paged', { properties, cpuAttention }),
        right: side('stateful', {}),
        tokens,
      })
    }
    for (const precision of ['u8', 'u4', 'f16', 'f32']) {
      const ours = await compare(precision, 'builtin')
      const theirs = await compare(precision, 'openvino')
      t.comment(model, precision, ours.divergence, theirs.divergence)
      t.ok(
        ours.divergence <= 1.5 * theirs.divergence + 1e-7,
        `${model} ${precision}: ${ours.divergence} of ${theirs.divergence}`,
      )
      if (precision === 'f32') t.ok(ours.maxDifference < 1e-3, `${model}: ${ours.maxDifference}`)
    }
  }
})

t.test('it is taken with each precision of the cache when nothing else is said', async (t) => {
  for (const precision of ['u8', 'u4', 'f16', 'f32']) {
    const ovConfig = { ...exact, KV_CACHE_PRECISION: precision }
    await using llm = await loadTiny('tiny-llama-fp32', { engine: 'paged', cpuKernel: 'portable', ovConfig })
    const gain = precision.startsWith('u') ? 'quicker' : 'quicker tokens, prompts alike,'
    const reason = `${gain} with a KV cache in ${precision}`
    t.match(llm.info.attention, [{ kernel: 'portable', layers: 2, reason }], precision)
    t.equal(llm.info.precision.kvCache, precision)
  }
})

t.test('prefix cache, beams and preemption give the same with either attention', async (t) => {
  const long = Array.from({ length: 75 }, (_, i) => (i * 31 + 7) % 480)
  const answers: unknown[] = []
  for (const cpuAttention of ['openvino', 'builtin'] as const) {
    // A cache of few blocks: requests that run at once take them from each other.
    await using llm = await loadTiny('tiny-llama-fp32', { ...builtin, cpuAttention, kvCacheBytes: 12 * 32 * 512 })
    const first = await llm.generate({ tokens: long }, { ...greedy, maxNewTokens: 20 })
    const again = await llm.generate(
      { tokens: [...long, ...first.tokens.slice(0, 9), 5] },
      { ...greedy, maxNewTokens: 20 },
    )
    t.ok(again.usage.cachedTokens > 0)
    const many = await Promise.all(
      [3, 40, 64, 90].map((length) =>
        llm.generate({ tokens: long.slice(0, length).map((id) => id + 1) }, { ...greedy, maxNewTokens: 30 }),
      ),
    )
    const beams = await llm.generate({ tokens: long.slice(0, 33) }, { numBeams: 3, maxNewTokens: 12, ignoreEos: true })
    answers.push([first, again, ...many, beams].map(({ tokens }) => tokens))
  }
  t.same(answers[1], answers[0])
})

t.test('what it does not have stays with OpenVINO, and both options turn it off', async (t) => {
  const kept = async (options: LoadOptions) => {
    await using llm = await loadTiny('tiny-llama', { engine: 'paged', ...options })
    return llm.info.attention
  }
  const groups = { ...exact, KV_CACHE_PRECISION: 'u8', VALUE_CACHE_GROUP_SIZE: '8' }
  const other = await kept({ cpuAttention: 'builtin', ovConfig: groups })
  t.match(other, [{ kernel: 'openvino', layers: 2, reason: /^a KV cache in u8 \[/ }])
  const off = await kept({ cpuAttention: 'openvino', ovConfig: exact })
  t.same(off, [{ kernel: 'openvino', layers: 2, reason: 'option cpuAttention' }])
  const plain = await kept({ cpuAttention: 'auto', cpuKernel: 'openvino', ovConfig: exact })
  t.same(plain, [{ kernel: 'openvino', layers: 2, reason: 'option cpuKernel' }])
  await using stateful = await loadTiny('tiny-llama', { ...builtin, engine: 'stateful' })
  t.same(stateful.info.attention, [])
})
