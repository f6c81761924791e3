import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KernelChoices, type MeasuredUnder, measuredKernels, modelSize } from '#lib/cache/kernel-choices.js'
import type { NativeKernelChoice } from '#lib/engine/boundary.js'

const build = { version: '1.0.0', openvino: '2026.4.1' }
const under: MeasuredUnder = { properties: ['B=2', 'A=1'], activationSpan: 32, size: 'small' }
const measured = (scheme: string, kernel: string, ratios: number[]): NativeKernelChoice => ({
  scheme,
  layers: 1,
  kernel,
  ratios,
  reason: '',
})

t.test('what was measured is there at the next load, under the same settings only', async (t) => {
  const root = t.testdir({})
  const choices = new KernelChoices(root, build, under)
  t.same(await choices.read(), [])
  t.same(await measuredKernels(root, build), [])
  await choices.add([
    measured('u4', 'avx2', [2, 1, 3]),
    measured('u8', 'openvino', [0.5, 1, 1]),
    measured('i4', 'builtin', []),
  ])
  t.same(await new KernelChoices(root, build, { ...under, properties: ['A=1', 'B=2'] }).read(), [
    'u4=builtin',
    'u8=openvino',
  ])
  t.same(await new KernelChoices(root, build, { ...under, activationSpan: 0 }).read(), [])
  t.same(await new KernelChoices(root, { ...build, openvino: '2027' }, under).read(), [])
  const held = { ...under, properties: ['A=1', 'B=2'] }
  t.same(await measuredKernels(root, build), [
    { scheme: 'u4', kernel: 'builtin', ratios: [2, 1, 3], ...held },
    { scheme: 'u8', kernel: 'openvino', ratios: [0.5, 1, 1], ...held },
  ])
  t.same(await measuredKernels(root, { ...build, version: '2.0.0' }), [])
})

t.test('what a toy model measured decides for toys alone', async (t) => {
  const root = t.testdir({})
  await new KernelChoices(root, build, { ...under, size: modelSize(2e6) }).add([measured('u4', 'openvino', [0.5])])
  for (const bytes of [31e6, 1]) {
    t.same(await new KernelChoices(root, build, { ...under, size: modelSize(bytes) }).read(), ['u4=openvino'])
  }
  for (const bytes of [32e6, 2e9]) {
    t.same(await new KernelChoices(root, build, { ...under, size: modelSize(bytes) }).read(), [])
  }
  await new KernelChoices(root, build, { ...under, size: modelSize(2e9) }).add([measured('u4', 'avx2', [2])])
  t.same(await new KernelChoices(root, build, { ...under, size: modelSize(32e6) }).read(), [])
  t.same((await measuredKernels(root, build)).map(({ kernel, size }) => `${kernel} ${size}`).sort(), [
    'builtin large',
    'openvino toy',
  ])
})

t.test('a file that is damaged or says something else is as good as none', async (t) => {
  const root = t.testdir({})
  const choices = new KernelChoices(root, build, under)
  await choices.add([measured('u4', 'avx2', [2])])
  const [name = ''] = readdirSync(join(root, 'kernels'))
  const written = readFileSync(join(root, 'kernels', name), 'utf8')
  for (const text of ['{', 'null', '[]', '{"choices":{"u4":{"kernel":"x","ratios":[1]}}}', '{"choices":{"u4":null}}']) {
    writeFileSync(join(root, 'kernels', name), text)
    t.same(await choices.read(), [], text)
    t.same(await measuredKernels(root, build), [], text)
  }
  const earlier = {
    ...JSON.parse(written),
    choices: { u4: { kernel: 'own', ratios: [2] }, u8: { kernel: 'openvino', ratios: [1] } },
  }
  writeFileSync(join(root, 'kernels', name), JSON.stringify(earlier))
  t.same(await choices.read(), ['u8=openvino'], 'an earlier version called the built-in kernels so')
  await choices.add([measured('u4', 'avx2', [2])])
  t.same(await choices.read(), ['u8=openvino', 'u4=builtin'])
  writeFileSync(join(root, 'unwritable'), '')
  const nowhere = new KernelChoices(join(root, 'unwritable'), build, under)
  await nowhere.add([measured('u4', 'avx2', [2])])
  t.same(await nowhere.read(), [])
})

t.test('what is measured under a cap of the instructions is not taken for the whole processor', async (t) => {
  const root = t.testdir({})
  const { OPENVINO_LLM_MAX_CPU_ISA: before } = process.env
  t.teardown(() => {
    if (before === undefined) delete process.env['OPENVINO_LLM_MAX_CPU_ISA']
    else process.env['OPENVINO_LLM_MAX_CPU_ISA'] = before
  })
  process.env['OPENVINO_LLM_MAX_CPU_ISA'] = 'avx2'
  await new KernelChoices(root, build, under).add([measured('u4', 'avx2', [2])])
  t.same(await new KernelChoices(root, build, under).read(), ['u4=builtin'])
  delete process.env['OPENVINO_LLM_MAX_CPU_ISA']
  t.same(await new KernelChoices(root, build, under).read(), [])
  t.same(await measuredKernels(root, build), [])
})
