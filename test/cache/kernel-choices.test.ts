import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  forgetMeasuredKernels,
  KernelChoices,
  type MeasuredBy,
  type MeasuredUnder,
  measuredKernels,
} from '#lib/cache/kernel-choices.js'
import type { NativeKernelChoice } from '#lib/engine/boundary.js'

const processor = { model: 'some CPU', flags: ['avx2'], threads: 8, caps: [] }
const build: MeasuredBy = { version: '1.0.0', openvino: '2026.4.1', processor, now: () => 1000 }
const under: MeasuredUnder = { properties: ['B=2', 'A=1'], activationSpan: 32 }
const minute = 60_000

function measured(scheme: string, kernel: string, more: Partial<NativeKernelChoice> = {}): NativeKernelChoice {
  return {
    scheme,
    size: 'small',
    layers: 1,
    kernel,
    ratios: [2, 1, 3],
    spread: 0.1,
    inDoubt: false,
    reason: '',
    ...more,
  }
}

/** Files in the cache folder, with what they hold. */
function files(root: string): [path: string, held: Record<string, unknown>][] {
  const folder = join(root, 'kernels')
  return readdirSync(folder).map((name) => {
    const path = join(folder, name)
    return [path, JSON.parse(readFileSync(path, 'utf8'))]
  })
}

t.test('what was measured is there at the next load, with all that it holds for', async (t) => {
  const root = t.testdir({})
  const choices = new KernelChoices(root, build, under)
  t.same(await choices.read(), [])
  t.same(await measuredKernels(root, build), [])
  await choices.add([
    measured('u4', 'avx2'),
    measured('u4', 'openvino', { size: 'large', ratios: [0.5, 1, 1], spread: 0.02 }),
    measured('i4', 'builtin', { ratios: [] }),
    measured('i8', 'builtin', { size: '' }),
  ])
  const same = { ...under, properties: ['A=1', 'KV_CACHE_PRECISION=f16', 'B=2', 'CACHE_DIR=/home/me'] }
  t.same((await new KernelChoices(root, build, same).read()).sort(), ['large u4=openvino', 'small u4=builtin'])
  const held = { properties: ['A=1', 'B=2'], activationSpan: 32, inDoubt: false, measured: 1000, tries: 1 }
  const found = await measuredKernels(root, build)
  t.same(
    found.sort((a, b) => a.size.localeCompare(b.size)),
    [
      { scheme: 'u4', size: 'large', kernel: 'openvino', ratios: [0.5, 1, 1], spread: 0.02, ...held },
      { scheme: 'u4', size: 'small', kernel: 'builtin', ratios: [2, 1, 3], spread: 0.1, ...held },
    ],
  )
})

t.test('and under no other settings, version or processor', async (t) => {
  const root = t.testdir({})
  await new KernelChoices(root, build, under).add([measured('u4', 'avx2')])
  t.same(await new KernelChoices(root, build, under).read(), ['small u4=builtin'])
  for (const other of [{ activationSpan: 0 }, { properties: ['A=1'] }]) {
    t.same(await new KernelChoices(root, build, { ...under, ...other }).read(), [], JSON.stringify(other))
  }
  const elsewhere: Partial<MeasuredBy>[] = [
    { version: '2.0.0' },
    { openvino: '2027' },
    { processor: { ...processor, model: 'another CPU' } },
    { processor: { ...processor, flags: ['avx2', 'avx_vnni'] } },
    { processor: { ...processor, threads: 4 } },
    { processor: { ...processor, caps: ['OPENVINO_LLM_MAX_CPU_ISA=avx2'] } },
  ]
  for (const other of elsewhere) {
    t.same(await new KernelChoices(root, { ...build, ...other }, under).read(), [], JSON.stringify(other))
    t.same(await measuredKernels(root, { ...build, ...other }), [], JSON.stringify(other))
  }
})

t.test('what is in doubt is measured again, at a later load and not for ever', async (t) => {
  const root = t.testdir({})
  let time = 0
  const choices = new KernelChoices(root, { ...build, now: () => time }, under)
  const doubtful = [measured('u4', 'avx2', { inDoubt: true }), measured('u8', 'openvino')]
  const lines = async () => (await choices.read()).sort()
  const both = ['small u4=builtin', 'small u8=openvino']
  await choices.add(doubtful)
  time = 9 * minute
  t.same(await lines(), both, 'not at once: the machine is as busy')
  for (const tries of [2, 3]) {
    time += 10 * minute
    t.same(await lines(), ['small u8=openvino'], `before try ${tries}`)
    await choices.add(doubtful.slice(0, 1))
  }
  time += 1000 * minute
  t.same(await lines(), both, 'three times are enough')
  t.same((await measuredKernels(root, build)).map(({ tries }) => tries).sort(), [1, 3])
})

t.test('what is measured again without doubt holds from then on', async (t) => {
  const root = t.testdir({})
  let time = 0
  const choices = new KernelChoices(root, { ...build, now: () => time }, under)
  await choices.add([measured('u4', 'avx2', { inDoubt: true })])
  time = 10 * minute
  t.same(await choices.read(), [])
  await choices.add([measured('u4', 'openvino')])
  time += 1000 * minute
  t.same(await choices.read(), ['small u4=openvino'])
})

t.test('processes that measure at one time do not lose what the others measured', async (t) => {
  const root = t.testdir({})
  const schemes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const adding = schemes.map((scheme) => new KernelChoices(root, build, under).add([measured(scheme, 'avx2')]))
  await Promise.all([...adding, new KernelChoices(root, build, under).add([measured('a', 'openvino')])])
  const found = await new KernelChoices(root, build, under).read()
  t.same(found.map((line) => line.replace(/^small (.)=.*/, '$1')).sort(), schemes)
})

t.test('a file that is damaged, or of another format, is as good as none', async (t) => {
  const root = t.testdir({})
  const choices = new KernelChoices(root, build, under)
  await choices.add([measured('u4', 'avx2')])
  const [[path, written] = ['', {}]] = files(root)
  const damaged: Record<string, unknown>[] = [
    { format: 1 },
    { scheme: 3 },
    { size: 'toy' },
    { kernel: 'own' },
    { ratios: [] },
    { ratios: ['2'] },
    { spread: null },
    { inDoubt: 'no' },
    { measured: 9e15 },
    { tries: null },
    { properties: 'A=1' },
    { properties: [1] },
    { activationSpan: null },
  ]
  for (const text of ['{', '', 'null', '[]', ...damaged.map((field) => JSON.stringify({ ...written, ...field }))]) {
    writeFileSync(path, text)
    t.same(await choices.read(), [], text)
    t.same(await measuredKernels(root, build), [], text)
  }
  await choices.add([measured('u4', 'openvino')])
  t.same(await choices.read(), ['small u4=openvino'])
  const earlier = join(root, 'kernels', '0123456789abcdef.json')
  writeFileSync(earlier, '{"choices":{"u8":{"kernel":"builtin","ratios":[1]}}}')
  t.same((await measuredKernels(root, build)).length, 1, 'a file of an earlier version')
})

t.test('a folder that cannot be written only costs time', async (t) => {
  const root = t.testdir({ file: '' })
  const nowhere = new KernelChoices(join(root, 'file'), build, under)
  await nowhere.add([measured('u4', 'avx2')])
  t.same(await nowhere.read(), [])
})

t.test('what nobody has used for half a year leaves', async (t) => {
  const root = t.testdir({})
  const choices = new KernelChoices(root, build, under)
  await choices.add([measured('used', 'avx2')])
  await new KernelChoices(root, build, { ...under, activationSpan: 0 }).add([measured('old', 'avx2')])
  const long = Date.now() / 1000 - 200 * 24 * 3600
  for (const [path] of files(root)) utimesSync(path, long, long)
  await choices.read()
  await choices.add([measured('new', 'avx2')])
  t.same(
    files(root)
      .map(([, { scheme }]) => scheme)
      .sort(),
    ['new', 'used'],
  )
  t.ok(files(root).every(([path]) => statSync(path).mtimeMs > long * 1000))
})

t.test('all that was measured can be forgotten', async (t) => {
  const root = t.testdir({ kernels: { '0123456789abcdef.json': '{}', 'notes.txt': 'mine' } })
  await new KernelChoices(root, build, under).add([measured('u4', 'avx2')])
  await new KernelChoices(root, { ...build, version: '0.9' }, under).add([measured('u4', 'avx2')])
  t.equal(await forgetMeasuredKernels(root), 3)
  t.same(readdirSync(join(root, 'kernels')), ['notes.txt'])
  t.equal(await forgetMeasuredKernels(join(root, 'nowhere')), 0)
})
