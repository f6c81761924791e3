import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { cpuFlags } from '#lib/devices/cpu-flags.js'
import { estimate } from '#lib/index.js'

const folder = join('..', 'shared', 'fixtures', 'ir', 'smollm2-135m-int4-asym64')
const tokens = 608
const missing = !existsSync(folder) && `${folder} is not there`

// In a process of its own: whatever other tests have left would count. Nothing of an earlier start, which would take less.
const script = `
  import { readFileSync } from 'node:fs'
  import { LLM } from '#lib/index.js'
  const resident = () => {
    const status = readFileSync('/proc/self/status', 'utf8')
    const field = (name) => 1024 * Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(status)[1])
    return field('RssAnon') + field('RssFile')
  }
  const before = resident()
  const llm = await LLM.load(process.argv[1], { cpuKernel: process.argv[2], packedCacheBytes: 0 })
  await llm.generate({ tokens: Array.from({ length: ${tokens} - 8 }, (_, i) => i + 5) }, { maxNewTokens: 8, ignoreEos: true })
  console.log(resident() - before)
  await llm.close()
`

t.test(
  'the estimate is within 15 % of what SmolLM2 takes',
  { skip: process.platform === 'linux' ? missing : '/proc' },
  async (t) => {
    const flags = cpuFlags(readFileSync('/proc/cpuinfo', 'utf8'), process.env['OPENVINO_LLM_MAX_CPU_ISA'])
    for (const cpuKernel of ['builtin', 'openvino'] as const) {
      if (cpuKernel === 'openvino' && !flags.some((flag) => /^avx(512)?_vnni$/.test(flag))) {
        const skip = 'without VNNI OpenVINO takes a third more, and the estimate does not know'
        t.test("OpenVINO's kernels", { skip }, () => {})
        continue
      }
      const args = ['--input-type=module', '-e', script, folder, cpuKernel]
      const measured = Number((await promisify(execFile)(process.execPath, args)).stdout)
      const { total } = await estimate(folder, { contextLength: tokens, cpuKernel })
      t.ok(Math.abs(total - measured) <= 0.15 * measured, `${cpuKernel}: estimated ${total}, measured ${measured}`)
    }
  },
)
