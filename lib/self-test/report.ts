import { mkdtemp, rm } from 'node:fs/promises'
import { release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Device } from '../devices/list.js'
import type { Finding } from '../doctor/diagnose.js'
import type { Machine } from '../doctor/machine.js'
import { selfTestModel } from './model.js'
import { identity, withoutIdentity } from './private.js'
import { measurement, selfTests } from './tasks.js'
import { runTrial, type Trial } from './trial.js'

/** What `doctor --report` writes: facts of the machine, and what each device did. Nothing in it says whose machine it is. */
export interface Report {
  /** Of this format. */
  report: 1
  /** Whether all tests ran; a machine that stops in the middle of one leaves a report that says so. */
  complete: boolean
  date: string
  versions: Machine['versions'] & { kernel: string }
  machine: Omit<Machine, 'versions' | 'plugins'> & { memory: number }
  findings: readonly Finding[]
  devices: readonly Device[]
  selfTests: Trial[]
  /** The model that was measured: its reference on the hub, or `a model of this machine`; null without one. */
  model: string | null
  measurements: Trial[]
}

export interface ReportOptions {
  machine: Machine
  findings: readonly Finding[]
  /** The model to measure: its folder, what it may be called in the report, and its longest context. */
  model?: { folder: string; name: string; contextLength: number } | undefined
  /** Milliseconds for one process. */
  timeout: number
  signal?: AbortSignal | undefined
  /** Keeps what is known so far. */
  save(report: Report): Promise<void>
  /** Called before each process. */
  onTrial(trial: { device: string; engine: string; measures: boolean }): void
}

/** Names of one device among all of its kind. */
const identifying = /UUID|LUID|SERIAL/

/**
 * Tests every device that OpenVINO sees, each in processes of its own, and puts the report together.
 * @throws LLMError as `selfTestModel` does; `signal.reason` when aborted; what `save` throws
 */
export async function makeReport(options: ReportOptions): Promise<Report> {
  const { machine, findings, model, timeout, signal, save, onTrial } = options
  const { versions, plugins, ...facts } = machine
  const devices = Object.values(plugins).flatMap((probed) => (probed.kind === 'found' ? probed.devices : []))
  const working = devices.filter(({ error }) => error === '')
  // Without the addon there are no devices, and the report says why.
  const selfTest = working.length > 0 ? await selfTestModel() : { folder: '', cases: [] }
  const clean = withoutIdentity(identity(model ? [model.folder] : []))
  const report: Report = {
    report: 1,
    complete: false,
    date: new Date().toISOString().slice(0, 10),
    versions: { ...versions, kernel: release() },
    machine: { ...facts, memory: totalmem() },
    findings,
    devices: devices.map((device) => ({ ...device, properties: impersonal(device.properties) })),
    selfTests: [],
    model: model?.name ?? null,
    measurements: [],
  }
  const keep = () => save(cleaned(report, clean))
  // What a user's cache holds would be taken instead of tried.
  const cache = await mkdtemp(join(tmpdir(), 'openvino-llm-report-'))
  try {
    await keep()
    for (const { name } of working) {
      for (const task of selfTests(name, selfTest)) {
        onTrial({ device: name, engine: task.options.engine ?? 'auto', measures: false })
        report.selfTests.push(await runTrial(task, { timeout, signal, cache }))
        await keep()
      }
      if (!model) continue
      onTrial({ device: name, engine: 'auto', measures: true })
      report.measurements.push(await runTrial(measurement(name, model), { timeout, signal }))
      await keep()
    }
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
  report.complete = true
  await keep()
  return cleaned(report, clean)
}

const impersonal = (properties: Device['properties']): Device['properties'] =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => !identifying.test(name)))

/** The same, each text in it passed through `clean`. */
function cleaned<T>(value: T, clean: (text: string) => string): T {
  return JSON.parse(JSON.stringify(value), (_key, each) => (typeof each === 'string' ? clean(each) : each)) as T
}
