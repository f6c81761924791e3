import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tiny } from '../llm/fixtures.js'
import { runInTurn } from './cli.js'

const verdictFile = 'openvino_llm_check.json'

/** The tiny model in a folder of its own: the check writes into it. */
function copyOf(t: { testdir(): string }, name = 'tiny-llama-fp32'): string {
  const folder = join(t.testdir(), 'model')
  cpSync(tiny(name), folder, { recursive: true })
  return folder
}

t.test('a model that both engines compute alike: says so, stores it, exit code 0; info shows it', async (t) => {
  const folder = copyOf(t)
  t.match(await runInTurn(['check', folder]), {
    code: 0,
    stderr: '',
    stdout: /^faithful: .*104 of 104 positions.*prompts of 24, 80 tokens were compared\n$/,
  })
  const stored = JSON.parse(readFileSync(join(folder, verdictFile), 'utf8'))
  t.match(stored, { faithful: true, numbers: { positions: 104, agreeing: 104 }, openvino: /^2026/, package: /^\d/ })
  t.match(await runInTurn(['info', folder]), {
    code: 0,
    stdout: /\nrunner +paged .*\nchecked +the paged runner computes what/,
  })
  const json = await runInTurn(['check', folder, '--json'])
  t.equal(json.code, 0)
  t.match(JSON.parse(json.stdout), { ...stored, stored: true })
})

t.test('prompts go beyond a sliding window', async (t) => {
  const windowed = await runInTurn(['check', copyOf(t, 'tiny-phi3-sw16-fp32'), '--json'])
  t.match(JSON.parse(windowed.stdout), { faithful: true, numbers: { positions: 8 + 80 }, lengths: [8, 80] })
})

t.test('LongRoPE: prompts on both sides of the border are computed as their length asks', async (t) => {
  const rope = await runInTurn(['check', copyOf(t, 'tiny-phi3-longrope-fp32'), '--json'])
  t.match(JSON.parse(rope.stdout), { faithful: true, numbers: { positions: 16 + 80 } })
})

t.test('a stored verdict that says no makes auto take the stateful engine, and --engine overrules it', async (t) => {
  const folder = copyOf(t)
  await runInTurn(['check', folder])
  const path = join(folder, verdictFile)
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), faithful: false, reason: 'no good' }))
  t.match(await runInTurn(['info', folder]), {
    code: 0,
    stdout: /\nrunner +stateful \(.*no good\)\nchecked +no good\n/,
  })
  t.match(await runInTurn(['info', folder, '--engine', 'paged']), {
    code: 0,
    stdout: /\nrunner +paged/,
    stderr: /warning: .*no good/,
  })
})

t.test('a graph that cannot be read is a failure, and no verdict', async (t) => {
  const folder = copyOf(t)
  const path = join(folder, 'openvino_model.xml')
  const xml = readFileSync(path, 'utf8')
  const broken = xml.replaceAll('"ScaledDotProductAttention"', '"NoSuchOperation"')
  t.not(broken, xml)
  writeFileSync(path, broken)
  t.match(await runInTurn(['check', folder]), {
    code: 1,
    stdout: '',
    stderr: /ERR_MODEL_INVALID: .*openvino_model\.xml/,
  })
  t.notOk(existsSync(join(folder, verdictFile)))
})

const root = process.getuid?.() === 0
t.test(
  'a folder that cannot be written: said, and judged all the same',
  { skip: root && 'root may write everywhere' },
  async (t) => {
    const folder = copyOf(t)
    chmodSync(folder, 0o555)
    const { code, stdout, stderr } = await runInTurn(['check', folder])
    chmodSync(folder, 0o755)
    t.equal(code, 0)
    t.match(stdout, /^faithful/)
    t.match(stderr, /not stored: .*cannot be written/)
  },
)

t.test('failures', async (t) => {
  const folder = copyOf(t)
  mkdirSync(join(folder, verdictFile))
  t.match(await runInTurn(['check', folder]), { code: 1, stderr: /ERR_MODEL_INVALID: .*openvino_llm_check\.json/ })
  t.match(await runInTurn(['check', join(folder, 'no')]), { code: 1, stdout: '', stderr: /ERR_MODEL_NOT_FOUND/ })
  t.match(await runInTurn(['check', folder, '--device', 'TPU']), { code: 1, stderr: /ERR_DEVICE/ })
  t.match(await runInTurn(['check']), { code: 2 })
})
