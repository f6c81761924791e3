import { readFileSync } from 'node:fs'
import t from 'tap'
import type { NativeComparison } from '#lib/engine/boundary.js'
import { runJob } from '#lib/engine/job.js'
import { LLM } from '#lib/index.js'
import { exact, tiny } from './fixtures.js'
import { tinyConfig } from './runners.js'

// A mixture of experts with 4-bit weights. Kernels by themselves: test/native/kernels/experts_test.cc.

const model = 'tiny-qwen3-moe'
const { cases }: { cases: { prompt: number[]; greedy: number[] }[] } = JSON.parse(
  readFileSync('test/fixtures/golden/experts.json', 'utf8'),
)
const answer = { maxNewTokens: 24, temperature: 0, ignoreEos: true }

t.test('f32 activations: the answers of transformers with the same weights, alone and together', async (t) => {
  for (const cpuKernel of ['builtin', 'openvino'] as const) {
    await using llm = await LLM.load(tiny(model), { cpuKernel, activationQuantization: 'off', ovConfig: exact })
    const experts = llm.info.kernels.filter(({ scheme }) => scheme.endsWith(' experts'))
    t.equal(experts.length, 1)
    t.equal(experts[0]?.layers, 6, 'gate, up and down of two layers')
    t.equal(experts[0]?.kernel === 'openvino', cpuKernel === 'openvino', cpuKernel)
    t.notOk(
      llm.info.kernels.some(({ scheme }) => scheme === ''),
      'nothing is left that no kernel takes',
    )
    for (const { prompt, greedy } of cases) t.same((await llm.generate({ tokens: prompt }, answer)).tokens, greedy)
    const together = await Promise.all(cases.map(({ prompt }) => llm.generate({ tokens: prompt }, answer)))
    t.same(
      together.map(({ tokens }) => tokens),
      cases.map(({ greedy }) => greedy),
    )
  }
})

t.test('int8 activations: the same numbers from every instruction set, near those of f32', async (t) => {
  const tokens = Int32Array.from({ length: 40 }, (_, i) => (i * 7919) % 500)
  const found: NativeComparison[] = []
  for (const cpuKernel of ['builtin', 'portable']) {
    const left = { ...tinyConfig(model, 'paged'), cpuKernel, activationSpan: 32 }
    const compared = runJob('compare', { left, right: tinyConfig(model, 'stateful'), tokens })
    found.push(await compared)
  }
  for (const one of found) t.same(one, found[0])
  const { maxDifference, divergence } = found[0] as NativeComparison
  t.ok(maxDifference > 0, 'activations are quantized')
  t.ok(divergence < 1e-2, `divergence ${divergence}`)
})
