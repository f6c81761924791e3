import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Probed } from '#lib/devices/probe.js'
import { diagnose } from '#lib/doctor/diagnose.js'
import { type Machine, readMachine } from '#lib/doctor/machine.js'
import { makeReport, type Report } from '#lib/self-test/report.js'
import { ReportFile } from '#lib/self-test/report-file.js'
import { summary } from '#lib/self-test/summary.js'
import { newTrial, type Trial } from '#lib/self-test/trial.js'
import { run, runInTurn } from '../cli/cli.js'
import { tiny } from '../llm/fixtures.js'

t.test('doctor --report writes what was found and measured, and nothing of its user', async (t) => {
  // Another OpenVINO is a finding that names its folder.
  const home = t.testdir({ 'jane-doe': { '.cache': {}, libs: { 'libopenvino.so.1': '' } } })
  const file = join(home, 'report of mine.json')
  const env = {
    HOME: join(home, 'jane-doe'),
    XDG_CACHE_HOME: join(home, 'jane-doe', '.cache'),
    OPENVINO_LLM_CACHE: '',
    LD_LIBRARY_PATH: join(home, 'jane-doe', 'libs'),
    HF_TOKEN: 'hf_secretsecret',
    SOME_API_KEY: 'sk-secretsecret',
  }
  const args = ['doctor', '--report', file, '--model', tiny('tiny-llama'), '--json']
  const { stdout, stderr } = await run(args, { env })
  t.match(
    stderr,
    /testing CPU, engine auto\n.*testing CPU, engine stateful\n.*measuring the model on CPU\n.*the report is in /,
  )
  const text = readFileSync(file, 'utf8')
  const report = JSON.parse(text) as Report
  t.same(JSON.parse(stdout), report)
  const [first, , model] = summary(report).filter(({ subject }) => subject === 'CPU')
  t.match(first, { level: 'ok', text: /^self-test \(\w+\): 3 answers are right; loaded in [\d.]+ s$/ })
  t.match(model, { level: 'ok', text: /^model \(\w+\): prompts of 192 tokens at \d+ tokens\/s, answers at [\d.]+ / })
  t.match(report, {
    report: 1,
    complete: true,
    versions: { openvino: /^2026/, kernel: /^\d/, glibc: String, node: process.versions.node },
    machine: { cpu: { flags: Array }, container: Boolean, memory: Number },
    model: 'a model of this machine',
    selfTests: [
      { device: 'CPU', passed: true },
      { device: 'CPU', engine: 'stateful', passed: true },
    ],
    measurements: [{ device: 'CPU', speed: { promptTokens: 192 } }],
  })
  t.match(report.devices.find(({ name }) => name === 'CPU')?.properties, { FULL_DEVICE_NAME: String })
  for (const private_ of [home, 'jane-doe', 'secretsecret', process.cwd(), 'fixtures']) {
    t.notOk(text.includes(private_), private_)
  }
  t.match(text, /LD_LIBRARY_PATH names another OpenVINO in <path>/)
  t.notMatch(text, new RegExp(`(?<!\\w)${hostname()}(?!\\w)`))
  await (await ReportFile.at(file)).write({ ...report, complete: false })
  t.match(readFileSync(file, 'utf8'), /"complete": false/, 'a report may be replaced')
})

t.test(
  'without a device that works there is a report all the same, and no device can be told from others of its kind',
  async (t) => {
    const properties = {
      FULL_DEVICE_NAME: 'Intel GPU',
      DEVICE_UUID: '8680a5',
      DEVICE_LUID: '00',
      GPU_UARCH_VERSION: '12.7',
    }
    const none: Probed = { kind: 'died', how: 'ended with signal SIGSEGV' }
    const broken = { name: 'GPU.0', fullName: 'Intel GPU', properties, error: 'no driver' }
    const machine: Machine = {
      ...(await readMachine({ module: join(t.testdir({ 'child.mjs': '' }), 'child.mjs') })),
      plugins: { CPU: none, GPU: { kind: 'found', devices: [broken] }, NPU: none },
    }
    const saved: boolean[] = []
    const report = await makeReport({
      machine,
      findings: diagnose(machine),
      timeout: 1000,
      save: async ({ complete }) => void saved.push(complete),
      onTrial: () => t.fail('there is nothing to test'),
    })
    t.same(saved, [false, true])
    t.match(report, {
      complete: true,
      selfTests: [],
      measurements: [],
      devices: [{ name: 'GPU.0', error: 'no driver' }],
    })
    t.same(Object.keys(report.devices[0]?.properties ?? {}), ['FULL_DEVICE_NAME', 'GPU_UARCH_VERSION'])
    t.ok(report.findings.some(({ text }) => text.includes('SIGSEGV')))
  },
)

t.test('wrong usage is told before anything is tested', async (t) => {
  const folder = t.testdir({ 'notes.txt': 'mine' })
  const notes = join(folder, 'notes.txt')
  for (const [args, message] of [
    [['--report', notes], /--report: .*notes\.txt: expected no file there, or an earlier report/],
    [['--report', folder], /--report: EISDIR/],
    [['--model', 'x'], /--model needs --report/],
    [['--time-limit', '5'], /--time-limit needs --report/],
    [['--report', '--time-limit', '0'], /--time-limit <s>' .* above 0 and at most 86400, received '0'/],
  ] as const) {
    t.match(await runInTurn(['doctor', ...args]), { code: 2, stdout: '', stderr: message })
  }
  t.equal(readFileSync(notes, 'utf8'), 'mine')
})

t.test('a device that fails is a problem in the words of the doctor', async (t) => {
  const trial = (changes: Partial<Trial>): Trial => ({ ...newTrial({ options: { device: 'GPU.0' } }), ...changes })
  const answers = [
    { promptTokens: 1, right: 8, expected: 8 },
    { promptTokens: 20, right: 3, expected: 8 },
  ]
  const load = {
    milliseconds: 1234,
    runner: 'paged',
    runnerReason: '',
    fromCache: '',
    precision: { inference: '', kvCache: '' },
    answers,
  }
  const error = { code: 'ERR_ENGINE', message: 'the process ended with signal SIGSEGV, in stage compile' }
  const found = summary({
    selfTests: [trial({ loads: [load] }), trial({ error }), trial({ passed: true, loads: [load, load] })],
    measurements: [trial({ error })],
  })
  t.same(
    found.map(({ level, subject, text }) => `${level} ${subject} ${text}`),
    [
      'problem GPU.0 self-test (paged): tokens that are right: 8 of 8 after 1, 3 of 8 after 20',
      'problem GPU.0 self-test (auto): ERR_ENGINE: the process ended with signal SIGSEGV, in stage compile',
      'ok GPU.0 self-test (paged): 4 answers are right; loaded in 1.2 s, then 1.2 s',
      'problem GPU.0 model: ERR_ENGINE: the process ended with signal SIGSEGV, in stage compile',
    ],
  )
})
