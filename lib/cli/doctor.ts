import { Command, InvalidArgumentError } from 'commander'
import { forgetMeasuredKernels } from '../cache/kernel-choices.js'
import { cacheRoot } from '../cache/root.js'
import { diagnose, type Finding } from '../doctor/diagnose.js'
import { type Machine, readMachine } from '../doctor/machine.js'
import { openReference } from '../loading/definition.js'
import { makeReport, type Report, type ReportOptions } from '../self-test/report.js'
import { ReportFile } from '../self-test/report-file.js'
import { summary } from '../self-test/summary.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags } from './options.js'
import { withProgress } from './progress.js'
import { note, oneLine, warn } from './report.js'
import { put } from './terminal.js'

const marks: Readonly<Record<Finding['level'], string>> = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM' }

/** File of a report unless another is named. */
const reportFile = 'openvino-llm-report.json'

interface DoctorFlags {
  json?: true
  forgetKernels?: true
  report?: string | true
  model?: string
  timeLimit: number
}

/** `doctor`: what is installed, what works, and what to do about the rest. Exit code 0 when nothing is wrong, else 1. */
export function doctorCommand(interrupts: Interrupts): Command {
  const command = new Command('doctor')
    .summary('says what works here and why not')
    .description(
      'Looks at the installation, the processor, GPU and NPU with their drivers, and\n' +
        'says how to mend what does not work. Exit code 0: nothing is wrong, 1: something is.',
    )
    .option('--json', 'one JSON object: the findings and facts, or the report')
    .option('--forget-kernels', 'forgets which kernels were measured to be quicker; loads measure again')
    .option('--report [file]', `tests each device and writes a file to send (${reportFile})`)
    .option('--model <model>', 'with --report: measures this model on each device, too')
    .option('--time-limit <s>', 'with --report: seconds for each test of a device', readTimeLimit, 600)
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm doctor --report')
  return command.action(async (flags: DoctorFlags) => {
    for (const name of ['model', 'timeLimit'] as const) {
      if (flags.report === undefined && command.getOptionValueSource(name) === 'cli')
        command.error(`error: --${name === 'model' ? name : 'time-limit'} needs --report`)
    }
    const file = flags.report === undefined ? undefined : await fileOf(flags.report, command)
    if (flags.forgetKernels) note(`forgot ${await forgetMeasuredKernels(cacheRoot())} measurements of kernels`)
    const machine = await readMachine({ signal: interrupts.signal })
    const found = diagnose(machine)
    const report = file && (await reportOn(machine, found, file, flags, interrupts))
    const findings = report ? [...found, ...summary(report)] : found
    if (findings.some(({ level }) => level === 'problem')) process.exitCode = 1
    const shown = report ?? { findings, machine }
    await put(process.stdout, flags.json ? `${JSON.stringify(shown)}\n` : findings.map(lines).join(''))
    if (file) note(`the report is in ${file.path}. It has no names, paths or secrets of yours; look before you send it`)
  })
}

function readTimeLimit(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 86_400) return seconds
  throw new InvalidArgumentError(`Expected a number of seconds above 0 and at most 86400, received '${text}'.`)
}

async function fileOf(given: string | true, command: Command): Promise<ReportFile> {
  try {
    return await ReportFile.at(given === true ? reportFile : given)
  } catch (error) {
    return command.error(`error: --report: ${(error as Error).message}`)
  }
}

async function reportOn(
  machine: Machine,
  findings: readonly Finding[],
  file: ReportFile,
  { model, timeLimit }: DoctorFlags,
  { signal }: Interrupts,
): Promise<Report> {
  const measured = model === undefined ? undefined : await opened(model, signal)
  return await makeReport({
    machine,
    findings,
    model: measured,
    timeout: timeLimit * 1000,
    signal,
    save: (report) => file.write(report),
    onTrial: ({ device, engine, measures }) =>
      note(measures ? `measuring the model on ${device}` : `testing ${device}, engine ${engine}`),
  })
}

/** Downloads and converts the model where that is needed: a test's time is the device's. */
async function opened(model: string, signal: AbortSignal): Promise<ReportOptions['model']> {
  return await withProgress(async (onProgress) => {
    const { resolved, definition } = await openReference(model, { signal, onProgress }, warn)
    // The name of a folder may be private.
    const name = resolved.hub ? `${resolved.hub.repo}@${resolved.hub.commit}` : 'a model of this machine'
    return { folder: definition.folder, name, contextLength: definition.contextLength }
  })
}

function lines({ level, subject, text, fix }: Finding): string {
  const first = `${marks[level]} ${oneLine(`${subject.padEnd(10)} ${text}`)}\n`
  return fix === undefined ? first : `${first}${' '.repeat(19)}→ ${oneLine(fix)}\n`
}
