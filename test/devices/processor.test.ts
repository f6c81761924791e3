import { join } from 'node:path'
import t from 'tap'
import { readProcessor } from '#lib/devices/processor.js'

t.test('what the speed of a kernel depends on, and nothing else of the processor', async (t) => {
  const folder = t.testdir({
    cpuinfo: 'model name : some CPU\nflags : fpu sse4_2 avx2 fma avx_vnni ibrs\nflags : avx512f\n',
  })
  const read = (env: NodeJS.ProcessEnv, cpuinfo = 'cpuinfo') =>
    readProcessor({ env, cpuinfo: join(folder, cpuinfo), model: 'some CPU', threads: 3 })
  const flags = ['sse4_2', 'avx2', 'fma', 'avx_vnni']
  t.same(read({ HOME: '/root', ONEDNN_MAX_CPU_ISA: '' }), { model: 'some CPU', flags, threads: 3, caps: [] })
  t.same(read({ OPENVINO_LLM_MAX_CPU_ISA: 'avx2', ONEDNN_MAX_CPU_ISA: 'SSE41', OV_CPU_MAX_ISA: 'x' }).caps, [
    'OPENVINO_LLM_MAX_CPU_ISA=avx2',
    'ONEDNN_MAX_CPU_ISA=SSE41',
    'OV_CPU_MAX_ISA=x',
  ])
  t.same(read({}, 'missing').flags, [], 'where the system does not tell')
})

t.test('this machine has one', async (t) => {
  t.ok(readProcessor().threads >= 1)
})
