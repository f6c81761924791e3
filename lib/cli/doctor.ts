import { Command } from 'commander'
import { diagnose, type Finding } from '../doctor/diagnose.js'
import { readMachine } from '../doctor/machine.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags } from './options.js'
import { oneLine } from './report.js'
import { put } from './terminal.js'

const marks: Readonly<Record<Finding['level'], string>> = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM' }

/** `doctor`: what is installed, what works, and what to do about the rest. Exit code 0 when nothing is wrong, else 1. */
export function doctorCommand(interrupts: Interrupts): Command {
  const command = new Command('doctor')
    .summary('says what works here and why not')
    .description(
      'Looks at the installation, the processor, GPU and NPU with their drivers, and says how to\n' +
        'mend what does not work. Exit code 0: nothing is wrong, 1: something is.',
    )
    .option('--json', 'one JSON object: the findings, and the facts behind them')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm doctor')
  return command.action(async (flags: { json?: true }) => {
    const machine = await readMachine({ signal: interrupts.signal })
    const findings = diagnose(machine)
    if (findings.some(({ level }) => level === 'problem')) process.exitCode = 1
    await put(process.stdout, flags.json ? `${JSON.stringify({ findings, machine })}\n` : findings.map(lines).join(''))
  })
}

function lines({ level, subject, text, fix }: Finding): string {
  const first = `${marks[level]} ${oneLine(`${subject.padEnd(10)} ${text}`)}\n`
  return fix === undefined ? first : `${first}${' '.repeat(19)}→ ${oneLine(fix)}\n`
}
