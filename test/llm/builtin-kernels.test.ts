import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { EngineConfig, NativeComparison } from '#lib/engine/boundary.js'
import { runJob } from '#lib/engine/job.js'
import { LLM, type LoadOptions } from '#lib/index.js'
import { run } from '../bench/modules.js'
import { exact, goldenTiny, tiny } from './fixtures.js'
import { tinyConfig } from './runners.js'

// Built-in kernels against OpenVINO's on whole models. Kernels by themselves: test/native/kernels/kernels_test.cc.

const compressed = ['tiny-llama', 'tiny-phi3', 'tiny-phi3-longrope-int8']
const names = ['avx512-vnni', 'avx-vnni', 'avx2', 'portable'] as const
/** Those that this processor executes. */
const available: string[] = []

function compare(
  model: string,
  left: Partial<EngineConfig>,
  right: Partial<EngineConfig> = {},
): Promise<NativeComparison> {
  const { vocab } = goldenTiny()[model.replace(/-int8$/, '')] ?? { vocab: 500 }
  const tokens = Int32Array.from({ length: 70 }, (_, i) => (i * 7919) % Math.min(vocab, 500))
  const config = (runner: 'paged' | 'stateful', changes: Partial<EngineConfig>): EngineConfig => ({
    ...tinyConfig(model, runner),
    ...changes,
  })
  return runJob('compare', { left: config('paged', left), right: config('stateful', right), tokens })
}

t.test('each instruction set that the processor has can be asked for', async (t) => {
  for (const cpuKernel of names) {
    const opened = await LLM.load(tiny('tiny-llama'), { cpuKernel }).catch((error: Error) => error)
    if (opened instanceof Error) {
      t.match(opened, { code: 'ERR_DEVICE', message: /cpuKernel: this processor has no .*; it has .*portable/ })
    } else {
      available.push(cpuKernel)
      t.equal(opened.info.kernels[0]?.kernel, cpuKernel)
      await opened.close()
    }
  }
  t.comment(`kernels that this processor executes: ${available.join(', ')}`)
  t.ok(available.includes('portable'))
})

t.test('with f32 activations every kernel computes what OpenVINO does in f32', async (t) => {
  for (const model of compressed) {
    for (const cpuKernel of available) {
      for (const runner of ['paged', 'stateful'] as const) {
        const found = await compare(model, { runner, cpuKernel, activationSpan: 0 })
        t.ok(found.maxDifference < 1e-3, `${model} ${cpuKernel} ${runner}: ${found.maxDifference}`)
        t.equal(found.agreeing + found.nearTies, 70)
      }
    }
  }
})

t.test('with int8 activations all kernels give the same numbers, near those of f32', async (t) => {
  for (const model of compressed.slice(0, 2)) {
    for (const activationSpan of [32, -1]) {
      const found: NativeComparison[] = []
      for (const cpuKernel of available) found.push(await compare(model, { cpuKernel, activationSpan }))
      for (const one of found) t.same(one, found[0])
      const { divergence, maxDifference, deviation } = found[0] as NativeComparison
      t.ok(maxDifference > 0, 'activations are quantized')
      t.ok(maxDifference < 0.25 * deviation, `${model} ${activationSpan}: ${maxDifference} of ${deviation}`)
      t.ok(divergence < 1e-3, `${model} ${activationSpan}: divergence ${divergence}`)
    }
  }
})

t.test('the same answer whatever the threads, the neighbours and the division of the prompt', async (t) => {
  const ovConfig = { INFERENCE_PRECISION_HINT: 'f32', KV_CACHE_PRECISION: 'f32' }
  const options: LoadOptions = { cpuKernel: 'builtin', activationQuantization: 32, ovConfig }
  const prompts = [5, 17, 40, 90].map((length) => ({
    tokens: Array.from({ length }, (_, i) => (i * 31 + length) % 480),
  }))
  const answer = { maxNewTokens: 20, temperature: 0, ignoreEos: true }
  const answers: number[][][] = []
  for (const threads of [1, 2]) {
    await using llm = await LLM.load(tiny('tiny-llama'), {
      ...options,
      ovConfig: { ...ovConfig, INFERENCE_NUM_THREADS: threads },
    })
    const alone: number[][] = []
    for (const prompt of prompts) alone.push((await llm.generate(prompt, answer)).tokens)
    const together = await Promise.all(prompts.map((prompt) => llm.generate(prompt, answer)))
    answers.push(
      alone,
      together.map(({ tokens }) => tokens),
    )
  }
  for (const each of answers) t.same(each, answers[0])
})

t.test('every scheme of weights is recognised, and one that is not is said', async (t) => {
  const evaluate = async (modules: string[], expression: string): Promise<void> => {
    const { error } = await run(modules, expression)
    if (error) throw new Error(error)
  }
  const folder = (name: string) => join(root, name)
  const root = t.testdir({})
  const shape = {
    layers: 2,
    hidden: 256,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    ffn: 384,
    vocabulary: 520,
    context: 512,
    slidingWindow: 500,
    group: 32,
  }
  const source = JSON.stringify('test/fixtures/ir/tiny-phi3')
  await evaluate(['generate/ir'], `writeIr(${source}, ${JSON.stringify(folder('base'))}, ${JSON.stringify(shape)})`)
  const schemes: Record<string, string[]> = {
    'int4-asym-g64': ['u4 g64 asymmetric', 'u8 per channel asymmetric'],
    'int4-asym-g128': ['u4 g128 asymmetric', 'u8 per channel asymmetric'],
    'int4-asym-channel': ['u4 per channel asymmetric', 'u8 per channel asymmetric'],
    'int4-sym-g32': ['i4 g32 symmetric', 'u8 per channel asymmetric'],
    'int4-sym-channel': ['i4 per channel symmetric', 'u8 per channel asymmetric'],
    'int8-sym': ['i8 per channel symmetric'],
    'int4-int8-mixed': ['u4 g128 asymmetric', 'u8 per channel asymmetric'],
  }
  for (const [scheme, wanted] of Object.entries(schemes)) {
    const [from, to] = [folder('base'), folder(scheme)].map((path) => JSON.stringify(path))
    await evaluate(['generate/recompress'], `recompress(${from}, ${to}, ${JSON.stringify(scheme)})`)
    await using llm = await LLM.load(folder(scheme), { cpuKernel: 'builtin', ovConfig: exact })
    const layers = llm.info.kernels.reduce((sum, choice) => sum + choice.layers, 0)
    t.same(
      llm.info.kernels.map((choice) => choice.scheme),
      wanted,
      scheme,
    )
    t.equal(layers, 9, `${scheme}: four products a layer and the head`)
    const modelPath = join(folder(scheme), 'openvino_model.xml')
    const found = await compare('tiny-phi3', { modelPath, cpuKernel: 'builtin' }, { modelPath })
    t.ok(found.maxDifference < 1e-3, `${scheme}: ${found.maxDifference}`)
  }
})

t.test('auto takes the built-in kernels for a toy, without measuring', async (t) => {
  const cache = t.testdir({})
  const { OPENVINO_LLM_CACHE: before } = process.env
  t.teardown(() => {
    if (before === undefined) delete process.env.OPENVINO_LLM_CACHE
    else process.env.OPENVINO_LLM_CACHE = before
  })
  process.env.OPENVINO_LLM_CACHE = cache
  const stages: string[] = []
  const onProgress: LoadOptions['onProgress'] = ({ stage }) => void stages.push(stage)
  {
    await using llm = await LLM.load(tiny('tiny-llama'), { onProgress })
    t.match(llm.info.kernels, [
      { scheme: 'u4 g32 asymmetric', size: '', ratios: [], kernel: /^(avx2|avx-vnni|avx512-vnni)$/ },
      { scheme: 'u8 per channel asymmetric', size: '', ratios: [], kernel: /^(avx2|avx-vnni|avx512-vnni)$/ },
    ])
    t.match(llm.info.kernels[0]?.reason, /not measured/)
  }
  t.notOk(stages.includes('measure'))
  t.notOk(existsSync(join(cache, 'kernels')), 'nothing is kept')
  {
    await using llm = await LLM.load(tiny('tiny-llama'), { cpuKernel: 'openvino' })
    t.same([...new Set(llm.info.kernels.map(({ kernel }) => kernel))], ['openvino'])
  }
})

t.test('built-in kernels compute in f32 around them unless another precision is asked for', async (t) => {
  await using own = await LLM.load(tiny('tiny-llama'), { cpuKernel: 'builtin' })
  t.equal(own.info.precision.inference, 'f32')
  const asked = { cpuKernel: 'builtin', ovConfig: { INFERENCE_PRECISION_HINT: 'bf16' } } as const
  await using llm = await LLM.load(tiny('tiny-llama'), asked)
  const { tokens } = await llm.generate({ tokens: [1, 2, 3] }, { maxNewTokens: 4 })
  t.equal(tokens.length, 4)
})

t.test('misuse', async (t) => {
  const load = (options: object) => LLM.load(tiny('tiny-llama'), options)
  await t.rejects(load({ cpuKernel: 'mine' }), { name: 'TypeError', message: /cpuKernel/ })
  await t.rejects(load({ activationQuantization: 16 }), { name: 'TypeError', message: /'off', 32, 64 or 'group'/ })
})
