import t from 'tap'
import { readCores, threadProperties } from '#lib/devices/cores.js'

type Folder = Exclude<Parameters<typeof t.testdir>[0], string | undefined>

/** A sysfs with a CPU for each `package/core` pair. */
function sysfs(cpus: readonly string[], more: Folder = {}): Folder {
  return {
    system: {
      cpu: Object.fromEntries([
        ['possible', '0-63\n'],
        ...cpus.map((cpu, i) => {
          const [processor, core] = cpu.split('/')
          return [`cpu${i}`, { topology: { physical_package_id: `${processor}\n`, core_id: `${core}\n` } }]
        }),
      ]),
    },
    ...more,
  }
}

t.test('physical cores: of two threads one, of two processors one, no efficiency cores', async (t) => {
  const threads = t.testdir(sysfs(['0/0', '0/1', '0/0', '0/1']))
  t.same(readCores({ root: threads, parallelism: 64 }), { performance: 2, hybrid: false })
  t.same(readCores({ root: threads, parallelism: 1 }), { performance: 1, hybrid: false })
})

t.test('two processors', async (t) => {
  const root = t.testdir(sysfs(['0/0', '0/1', '1/0', '1/1', '1/2']))
  t.same(readCores({ root, parallelism: 64 }), { performance: 3, hybrid: false })
})

t.test('hybrid', async (t) => {
  const cores = { cpu_core: { cpus: '0-3\n' }, cpu_atom: { cpus: '4-6,7\n' } }
  const cpus = ['0/0', '0/0', '0/4', '0/4', '0/8', '0/9', '0/10', '0/11']
  t.same(readCores({ root: t.testdir(sysfs(cpus, cores)), parallelism: 64 }), { performance: 2, hybrid: true })
})

t.test('where the system does not tell, OpenVINO chooses', async (t) => {
  t.same(readCores({ root: t.testdir({}) }), { performance: undefined, hybrid: false })
  t.same(threadProperties({ performance: undefined, hybrid: false }, { reserveCore: true }), {})
})

t.test('properties of threads', async (t) => {
  const plain = { performance: 8, hybrid: false }
  t.same(threadProperties(plain, {}), { INFERENCE_NUM_THREADS: '8' })
  t.same(threadProperties(plain, { reserveCore: true }), { INFERENCE_NUM_THREADS: '7' })
  t.same(threadProperties(plain, { threads: 12 }), { INFERENCE_NUM_THREADS: '12' })
  t.same(threadProperties({ performance: 1, hybrid: false }, { reserveCore: true }), { INFERENCE_NUM_THREADS: '1' })
  const hybrid = { performance: 4, hybrid: true }
  t.same(threadProperties(hybrid, {}), { INFERENCE_NUM_THREADS: '4', SCHEDULING_CORE_TYPE: 'PCORE_ONLY' })
  t.same(threadProperties(hybrid, { threads: 6 }), { INFERENCE_NUM_THREADS: '6' })
})

t.test('this machine', async (t) => {
  const { performance } = readCores()
  if (process.platform === 'linux') t.ok(performance === undefined || performance >= 1)
})
