import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { selfTestModel } from '#lib/self-test/model.js'
import { measurement, selfTests } from '#lib/self-test/tasks.js'
import { runTrial, type TrialTask } from '#lib/self-test/trial.js'
import { emulatedNpu } from '../llm/emulated-npu.js'
import { tiny } from '../llm/fixtures.js'

const model = await selfTestModel()
const timeout = 600_000
const tasksOf = (device: string): TrialTask[] => selfTests(device, model)
const [onCpu] = tasksOf('CPU') as [TrialTask]

t.test('both engines of the CPU give the answers that are expected', async (t) => {
  const tasks = tasksOf('CPU')
  t.equal(tasks.length, 2)
  for (const task of tasks) {
    const trial = await runTrial(task, { timeout, cache: t.testdir({}) })
    t.match(trial, { passed: true, device: 'CPU', stage: 'end', error: null, loads: [{ answers: { length: 3 } }] })
    t.ok(trial.loads[0]?.answers.every(({ right, expected }) => right === expected && expected >= 8))
    t.ok(trial.peakMemory > 50e6)
  }
})

t.test('NPU, emulated: int4, symmetric by channel, compiled and then read from the cache folder', async (t) => {
  const [task, ...others] = tasksOf('NPU') as [TrialTask]
  t.same(others, [])
  // Only a folder that is named is used while another device computes for the NPU.
  const options = { ...task.options, ovConfig: { ...emulatedNpu, CACHE_DIR: t.testdir({}) } }
  const trial = await runTrial({ ...task, options }, { timeout })
  const loads = [{ fromCache: 'NO' }, { fromCache: 'YES' }]
  t.match(trial, { passed: true, error: null, loads }, JSON.stringify(trial))
})

t.test('a GPU is tried with both engines, twice each', async (t) => {
  t.match(tasksOf('GPU.1'), [
    { options: { device: 'GPU.1', engine: 'auto' }, loads: 2 },
    { options: { device: 'GPU.1', engine: 'stateful' }, loads: 2 },
  ])
})

t.test('a wrong token is told, with how many were right before it', async (t) => {
  const [first, ...others] = model.cases as [(typeof model.cases)[0]]
  const answer = first.answer.with(2, (first.answer[2] ?? 0) + 1)
  const trial = await runTrial(
    { ...onCpu, cases: [{ ...first, answer }, ...others] },
    { timeout, cache: t.testdir({}) },
  )
  t.match(trial, { passed: false, error: null, loads: [{ answers: [{ right: 2 }, { right: 8 }, { right: 8 }] }] })
})

t.test('a device that refuses the model says so, with its code', async (t) => {
  const options = { device: 'GPU.7' }
  const trial = await runTrial({ ...onCpu, options }, { timeout, cache: t.testdir({}) })
  t.match(trial, { passed: false, device: 'GPU.7', error: { code: 'ERR_DEVICE', message: /GPU\.7/ } })
})

t.test('a process that crashes or hangs is a trial that did not pass, with what it did last', async (t) => {
  const folder = t.testdir({})
  const child = (body: string): string => {
    const path = join(folder, 'child.mjs')
    const known = `process.send({ stage: 'compile', loads: [], passed: true }, () => { ${body} })`
    writeFileSync(path, `${known}\nsetInterval(() => {}, 1000)\n`)
    return path
  }
  const crash = child(`process.kill(process.pid, 'SIGSEGV')`)
  t.match(await runTrial(onCpu, { timeout, module: crash }), {
    passed: false,
    error: { code: 'ERR_ENGINE', message: 'the process ended with signal SIGSEGV, in stage compile' },
  })
  const hang = child('')
  t.match(await runTrial(onCpu, { timeout: 300, module: hang }), {
    passed: false,
    error: { message: /^the process gave no answer within 0\.3 s, in stage / },
  })
  const early = child('process.exit(0)')
  t.match(await runTrial(onCpu, { timeout, module: early }), { passed: false, error: { message: /ended early/ } })
  const reason = new Error('enough')
  await t.rejects(runTrial(onCpu, { timeout, module: hang, signal: AbortSignal.abort(reason) }), reason)
})

t.test('a model is measured, within its context', async (t) => {
  const trial = await runTrial(measurement('CPU', { folder: tiny('tiny-llama'), contextLength: 256 }), { timeout })
  t.match(trial, { passed: true, error: null, speed: { promptTokens: 192, answerTokens: 64 } })
  t.ok((trial.speed?.prefill ?? 0) > 0 && (trial.speed?.decode ?? 0) > 0)
  t.match(measurement('NPU', { folder: '', contextLength: 4096 }).options, { contextLength: 640 })
  t.match(measurement('NPU', { folder: '', contextLength: 256 }).options, { contextLength: 256 })
})
