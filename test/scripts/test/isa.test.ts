import t from 'tap'
import { node } from '../script.js'

const cpuinfo = 'processor\t: 0\nflags\t\t: fpu sse4_1 avx avx2 fma f16c avx512_vnni_extra\n'

async function environmentFor(level: string, text = cpuinfo) {
  const program = `
    import { environmentFor } from './scripts/test/isa.mjs'
    try {
      console.log(JSON.stringify(environmentFor(${JSON.stringify(level)}, ${JSON.stringify(text)})))
    } catch (error) {
      console.log(JSON.stringify(error.message))
    }`
  return JSON.parse((await node(['--input-type=module', '-e', program], {})).stdout)
}

t.test('a level is an environment for OpenVINO, oneDNN and the built-in kernels', async (t) => {
  t.strictSame(await environmentFor('avx2'), {
    OPENVINO_LLM_MAX_CPU_ISA: 'avx2',
    OV_CPU_MAX_ISA: 'AVX2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
  })
})

t.test('a level that this CPU lacks is an error and not a pass', async (t) => {
  t.equal(await environmentFor('avx2_vnni'), '--isa avx2_vnni: this CPU lacks avx_vnni.')
  t.equal(
    await environmentFor('avx512_core'),
    '--isa avx512_core: this CPU lacks avx512f, avx512cd, avx512bw, avx512dq, avx512vl.',
  )
  t.match(await environmentFor('avx2', 'Features : asimd'), /needs the flags in \/proc\/cpuinfo/)
})

t.test('a level is no cap on a CPU that has nothing beyond it', async (t) => {
  const zen3 = 'flags\t\t: fpu sse4_1 avx f16c fma sse4a avx2 sha_ni vaes'
  const alderLake = 'flags\t\t: fpu sse4_1 avx f16c fma avx2 avx_vnni vaes'
  const cases: [string, string, boolean][] = [
    ['avx2', zen3, false],
    ['sse41', zen3, true],
    ['avx2', alderLake, true],
    ['avx2_vnni', alderLake, false],
    ['avx2', `${zen3} avx512f`, true],
    ['avx2', `${zen3} amx_int8`, true],
  ]
  const program = `
    import { isCapped } from './scripts/test/isa.mjs'
    console.log(JSON.stringify(${JSON.stringify(cases)}.map(([level, text]) => isCapped(level, text))))`
  const { stdout } = await node(['--input-type=module', '-e', program], {})
  t.strictSame(
    JSON.parse(stdout),
    cases.map(([, , capped]) => capped),
  )
})

t.test('an unknown level is an error that lists those there are', async (t) => {
  for (const level of ['AVX2', 'constructor', '']) {
    const { code, stdout, stderr } = await node(['scripts/test/test.mjs', '--isa', level], {})
    t.same({ code, stdout }, { code: 1, stdout: '' })
    t.equal(stderr, `--isa: expected one of sse41, avx2, avx2_vnni, avx512_core, avx512_core_vnni, found '${level}'.\n`)
  }
})

t.test('what computes is found by what a test and its helpers say', async (t) => {
  const program = `
    import { computes } from './scripts/test/computing.mjs'
    const paths = ['test/llm/tiny-golden', 'test/cli/chat', 'test/bench/accuracy', 'test/output/stop-words', 'test/scripts/build/wheels']
    console.log(JSON.stringify(await Promise.all(paths.map((path) => computes(path + '.test.ts')))))`
  const { stdout } = await node(['--input-type=module', '-e', program], {})
  t.strictSame(JSON.parse(stdout), [true, false, true, false, false])
})
