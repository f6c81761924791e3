import t from 'tap'
import type { PagedCache } from '#lib/devices/table.js'
import { chooseRunner } from '#lib/loading/runner.js'
import type { Verdict } from '#lib/model/verdict.js'

const verdict = (faithful: boolean, openvino = '1', version = 2): Verdict => ({
  version,
  lengths: [24, 80],
  faithful,
  reason: 'logits differ',
  package: '1',
  openvino,
  files: { xml: 1, bin: 1 },
})
const model = (stored?: Verdict) => ({ folder: '/m', verdict: stored })
const device = (pagedCache: PagedCache | undefined) => ({ name: 'XPU', kind: { pagedCache } })
const cpu = device({ memory: 'host', blockTokens: 32, transposedKeys: false })
const gpu = device(undefined)
const noWarning = (code: string) => {
  throw new Error(`unexpected warning ${code}`)
}

t.test('auto: what the device and the stored verdict allow', async (t) => {
  const auto = (on: typeof cpu, stored?: Verdict) => chooseRunner({}, on, model(stored), '1', noWarning)
  t.same(auto(cpu), { runner: 'auto', reason: '' }, 'a model without a verdict is trusted')
  t.same(auto(cpu, verdict(true)), { runner: 'auto', reason: '' })
  t.match(auto(cpu, verdict(false)), { runner: 'stateful', reason: /stored check of \/m says: logits differ/ })
  const old = auto(cpu, verdict(false, '2'))
  t.match(
    old,
    { runner: 'stateful', reason: /found with OpenVINO 2 or in an older way: check again/ },
    'doubt stays with another OpenVINO',
  )
  t.match(auto(gpu, verdict(true)), { runner: 'stateful', reason: /XPU/ })
})

t.test('paged although the verdict warns: allowed, with a warning', async (t) => {
  const warnings: string[] = []
  const warn = (code: string, message: string) => void warnings.push(`${code}: ${message}`)
  const options = { engine: 'paged' } as const
  t.match(chooseRunner(options, cpu, model(verdict(false)), '1', warn), { runner: 'paged' })
  t.match(warnings, [/^unfaithful-model: .*logits differ/])
  t.match(chooseRunner(options, cpu, model(verdict(true)), '1', noWarning), { runner: 'paged' })
  t.throws(() => chooseRunner(options, gpu, model(), '1', noWarning), { code: 'ERR_DEVICE', message: /XPU/ })
})

t.test('stateful, and draft models', async (t) => {
  t.match(chooseRunner({ engine: 'stateful' }, cpu, model(), '1', noWarning), { runner: 'stateful' })
  const draft = { draftModel: '/d' }
  t.match(chooseRunner(draft, cpu, model(), '1', noWarning), { runner: 'auto' })
  t.throws(() => chooseRunner({ ...draft, engine: 'stateful' }, cpu, model(), '1', noWarning), TypeError)
  const unsupported = { code: 'ERR_UNSUPPORTED_MODEL', message: /draftModel/ }
  t.throws(() => chooseRunner(draft, cpu, model(verdict(false)), '1', noWarning), unsupported)
  t.throws(() => chooseRunner(draft, gpu, model(), '1', noWarning), unsupported)
})
