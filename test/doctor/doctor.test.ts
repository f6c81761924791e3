import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { MeasuredKernel } from '#lib/cache/kernel-choices.js'
import { cpuFlags } from '#lib/devices/cpu-flags.js'
import type { Probed } from '#lib/devices/probe.js'
import { diagnose } from '#lib/doctor/diagnose.js'
import { type Machine, readMachine } from '#lib/doctor/machine.js'
import { run } from '../cli/cli.js'

const none: Probed = { kind: 'found', devices: [] }
const seen = (name: string): Probed => ({
  kind: 'found',
  devices: [{ name, fullName: `Intel ${name}`, properties: {}, error: '' }],
})

/** A machine where everything works, with what is made up. */
function machine(changes: Partial<Machine>): Machine {
  return {
    platform: 'linux',
    arch: 'x64',
    versions: { package: '1.0.0', node: '22.0.0', openvino: '2026.4.1', glibc: '2.36' },
    addonError: '',
    plugins: { CPU: seen('CPU'), GPU: seen('GPU'), NPU: seen('NPU') },
    cpu: { model: 'a CPU', flags: ['avx2', 'avx_vnni', 'avx512_vnni', 'amx_int8'] },
    kernels: { present: ['avx2', 'portable'], measured: [] },
    hardware: { gpu: true, npu: true },
    files: { gpu: [{ path: '/dev/dri/renderD128', usable: true }], npu: [{ path: '/dev/accel/accel0', usable: true }] },
    drivers: { gpu: ['/usr/lib/libze_intel_gpu.so.1'], npu: ['/usr/lib/libze_intel_npu.so.1'] },
    container: false,
    libraryPath: [],
    loaded: [],
    ...changes,
  }
}
const problems = (changes: Partial<Machine>) => diagnose(machine(changes)).filter(({ level }) => level === 'problem')
const blind = { plugins: { CPU: seen('CPU'), GPU: none, NPU: none } }

t.test('where everything works nothing is wrong', async (t) => {
  t.same(problems({}), [])
  const ok = diagnose(machine({})).filter(({ level }) => level === 'ok')
  t.same(
    ok.map(({ subject }) => subject),
    ['package', 'OpenVINO', 'CPU', 'GPU', 'NPU'],
  )
})

t.test('why a GPU or NPU is not seen, each with the command that mends it', async (t) => {
  const usable = machine({}).files
  const locked = {
    gpu: [{ path: '/dev/dri/renderD128', usable: false }],
    npu: [{ path: '/dev/accel/accel0', usable: false }],
  }
  const nothing = { gpu: [], npu: [] }
  for (const [what, changes, gpu, npu] of [
    [
      'container',
      { files: nothing, container: true },
      /docker run --device \/dev\/dri/,
      /docker run --device \/dev\/accel/,
    ],
    ['kernel', { files: nothing }, /i915 or xe/, /intel_vpu/],
    ['group', { files: locked }, /usermod -aG render/, /usermod -aG render/],
    [
      'group in a container',
      { files: locked, container: true },
      /--group-add \$\(stat .*renderD128/,
      /--group-add .*accel0/,
    ],
    ['user-space driver', { files: usable, drivers: nothing }, /apt-get install intel-opencl-icd/, /linux-npu-driver/],
    ['an old driver', { files: usable }, /update the GPU driver/, /update the NPU driver/],
  ] as const) {
    const found = problems({ ...blind, ...changes })
    t.same(
      found.map(({ subject }) => subject),
      ['GPU', 'NPU'],
      what,
    )
    t.match(found, [{ fix: gpu }, { fix: npu }], what)
  }
})

t.test('which kernels multiply with compressed weights', async (t) => {
  const words = (kernels: Machine['kernels']) =>
    diagnose(machine({ kernels }))
      .filter(({ subject }) => subject === 'kernels')
      .map(({ text }) => text)
  t.match(words({ present: ['avx-vnni', 'avx2', 'portable'], measured: [] }), [/: avx-vnni, avx2; the first load/])
  t.match(words({ present: ['portable'], measured: [] }), [/no built-in kernels/])
  t.same(words({ present: [], measured: [] }), [], 'the addon cannot be loaded')
  const one: MeasuredKernel = {
    scheme: 'u4 g128 symmetric',
    size: 'large',
    kernel: 'builtin',
    ratios: [2, 1.234, 3],
    spread: 0.043,
    inDoubt: false,
    measured: Date.UTC(2026, 10, 30, 22, 5),
    tries: 1,
    properties: ['INFERENCE_NUM_THREADS=2'],
    activationSpan: 32,
  }
  const exact: MeasuredKernel = { ...one, size: 'small', kernel: 'openvino', ratios: [0.9, 0.8, 1], activationSpan: 0 }
  const measured = [
    one,
    { ...exact, properties: [] },
    { ...one, activationSpan: -1, inDoubt: true, tries: 2 },
    { ...one, inDoubt: true, tries: 3 },
  ]
  const [first, ...lines] = words({ present: ['avx2', 'portable'], measured })
  t.match(first, /avx2$/)
  t.same(lines, [
    'weights u4 g128 symmetric (layers from 8M weights, activations int8 by 32, INFERENCE_NUM_THREADS=2): the built-in kernel; ' +
      'the built-in one was 2.00×, 1.23×, 3.00× as quick for 1, 8 and 128 rows (spread 4 %, measured 2026-11-30 22:05 UTC)',
    "weights u4 g128 symmetric (layers below 8M weights, activations f32): OpenVINO's kernel; " +
      'the built-in one was 0.90×, 0.80×, 1.00× as quick for 1, 8 and 128 rows (spread 4 %, measured 2026-11-30 22:05 UTC)',
    'weights u4 g128 symmetric (layers from 8M weights, activations int8 by group, INFERENCE_NUM_THREADS=2): the built-in kernel; ' +
      'the built-in one was 2.00×, 1.23×, 3.00× as quick for 1, 8 and 128 rows (spread 4 %, measured 2026-11-30 22:05 UTC, ' +
      'in doubt: a later load measures again)',
    'weights u4 g128 symmetric (layers from 8M weights, activations int8 by 32, INFERENCE_NUM_THREADS=2): the built-in kernel; ' +
      'the built-in one was 2.00×, 1.23×, 3.00× as quick for 1, 8 and 128 rows (spread 4 %, measured 2026-11-30 22:05 UTC, ' +
      'in doubt: the last of 3 measurements)',
  ])
})

t.test('no hardware is no problem, even where a plugin cannot load without its driver', async (t) => {
  const broken: Probed = {
    kind: 'found',
    devices: [{ name: 'GPU', fullName: '', properties: {}, error: 'libOpenCL.so.1' }],
  }
  const nothing = { gpu: [], npu: [] }
  const absent = { hardware: { gpu: false, npu: false }, files: nothing, drivers: nothing }
  const plugins = { CPU: seen('CPU'), GPU: broken, NPU: none }
  t.same(problems({ ...absent, plugins }), [])
  t.match(
    diagnose(machine({ ...absent, plugins, container: true })).filter(({ subject }) => subject === 'GPU'),
    [{ level: 'note', text: 'there is no Intel GPU in this machine, as far as this container shows' }],
  )
  t.match(problems({ plugins, drivers: nothing }), [
    { subject: 'GPU', text: /libOpenCL\.so\.1/ },
    { subject: 'GPU', fix: /intel-opencl-icd/ },
    { subject: 'NPU' },
  ])
})

t.test('a plugin that dies, another C library, a missing addon, a foreign OpenVINO', async (t) => {
  const died: Probed = { kind: 'died', how: 'ended with signal SIGSEGV' }
  t.match(problems({ plugins: { CPU: seen('CPU'), GPU: died, NPU: seen('NPU') } }), [
    { subject: 'GPU', text: /SIGSEGV/, fix: /update the GPU driver/ },
  ])
  const { versions } = machine({})
  t.match(problems({ versions: { ...versions, glibc: '2.27' } }), [{ text: /2\.28 or newer, and this is 2\.27/ }])
  t.match(problems({ versions: { ...versions, glibc: '' } }), [{ text: /musl/, fix: /node:22-slim/ }])
  t.match(problems({ addonError: 'x: the native addon cannot be loaded' }), [
    { subject: 'addon', fix: 'npm run build' },
  ])
  t.match(problems({ loaded: ['/opt/intel/libopenvino.so.2640'] }), [{ subject: 'libraries', fix: /LD_LIBRARY_PATH/ }])
  const path = diagnose(machine({ libraryPath: ['/opt/intel/lib'] })).at(-1)
  t.match(path, { level: 'note', text: /\/opt\/intel\/lib/, fix: /unset LD_LIBRARY_PATH/ })
})

t.test('instructions that matter', async (t) => {
  const cpu = (flags: string[]) =>
    diagnose(machine({ cpu: { model: 'old', flags } }))
      .filter(({ subject, level }) => subject === 'CPU' && level === 'note')
      .map(({ text }) => text)
      .join(' ')
  t.match(cpu(['sse4_2']), /lacks AVX2 .*, AVX-VNNI .*, AVX512-VNNI .*, AMX .* one request is computed at a time/)
  t.match(cpu(['avx2', 'avx_vnni']), /has AVX2, AVX-VNNI; lacks AVX512-VNNI/)
})

t.test('a machine is read from its files', async (t) => {
  const root = t.testdir({
    '.dockerenv': '',
    proc: {
      cpuinfo: 'processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 amx_int8\n\nprocessor\t: 1\n',
      self: {
        maps: '7f00-7f01 r--p 00000000 08:01 1 /app/openvino_llm.node\n7f00-7f01 r--p 0 08:01 2 /app/libopenvino.so.2641\n7f00-7f01 r--p 0 08:01 3 /opt/libopenvino.so.2640\n7f00-7f01 r--p 0 08:01 4 /opt/libopenvino_c.so\n',
      },
    },
    sys: {
      bus: {
        pci: {
          devices: { a: { vendor: '0x8086\n', class: '0x030000\n' }, b: { vendor: '0x10de\n', class: '0x120000\n' } },
        },
      },
    },
    dev: { dri: { card0: '', renderD128: '', renderD129: '' } },
    usr: {
      lib: { x86_64: {}, 'libze_intel_gpu.so.1': '', 'libze_intel_npu.so.1': '' },
      lib64: { 'intel-opencl': { 'libigdrcl.so': '' } },
    },
    opt: { 'libopenvino.so': '' },
  })
  chmodSync(join(root, 'dev/dri/renderD129'), 0)
  const env = { LD_LIBRARY_PATH: `:${join(root, 'usr')}:${join(root, 'opt')}` }
  const found = await readMachine({ root, env })
  t.match(found, {
    cpu: { model: 'Some CPU', flags: ['fpu', 'avx2', 'amx_int8'] },
    hardware: { gpu: true, npu: false },
    files: { gpu: [{ path: '/dev/dri/renderD128', usable: true }, { path: '/dev/dri/renderD129' }], npu: [] },
    drivers: {
      gpu: ['/usr/lib64/intel-opencl/libigdrcl.so', '/usr/lib/libze_intel_gpu.so.1'],
      npu: ['/usr/lib/libze_intel_npu.so.1'],
    },
    container: true,
    libraryPath: [join(root, 'opt')],
    loaded: ['/opt/libopenvino.so.2640'],
  })
  // Root may open everything.
  if (process.getuid?.() !== 0) t.equal(found.files.gpu[1]?.usable, false)
})

t.test('the doctor sees the CPU that the built-in kernels see', async (t) => {
  const cpuinfo = 'flags : fpu sse4_1 fma avx avx2 avx_vnni avx512f avx512_vnni avx512_bf16 amx_int8\n'
  const seen = (level?: string) => cpuFlags(cpuinfo, level).join(' ')
  t.equal(seen(), 'fpu sse4_1 fma avx avx2 avx_vnni avx512f avx512_vnni avx512_bf16 amx_int8')
  t.equal(seen('avx512_core_vnni'), 'fpu sse4_1 fma avx avx2 avx512f avx512_vnni')
  t.equal(seen('avx512_core'), 'fpu sse4_1 fma avx avx2 avx512f')
  t.equal(seen('avx2_vnni'), 'fpu sse4_1 fma avx avx2 avx_vnni')
  t.equal(seen('avx2'), 'fpu sse4_1 fma avx avx2')
  t.equal(seen('sse41'), 'fpu sse4_1')
})

t.test('doctor on this machine', async (t) => {
  const { code, stdout, stderr } = await run(['doctor'])
  t.equal(stderr, '')
  t.match(stdout, /^ok +package +openvino-llm \d.* on Node \d.*\nok +OpenVINO +2026/)
  t.match(stdout, /\nok +CPU +\S/)
  t.equal(code, /^PROBLEM/m.test(stdout) ? 1 : 0)
  const { findings, machine: facts } = JSON.parse((await run(['doctor', '--json'])).stdout)
  t.ok(findings.some((each: { subject: string; level: string }) => each.subject === 'CPU' && each.level === 'ok'))
  t.match(facts, { versions: { node: process.versions.node }, addonError: '', plugins: { CPU: { kind: 'found' } } })
})
