import { Command } from 'commander'
import { loadAddon } from '../addon/load.js'
import { deviceKind } from '../devices/table.js'
import { isSystemError } from '../file-error.js'
import { openReference } from '../loading/definition.js'
import { checkModel } from '../model/check-model.js'
import { type Verdict, verdictFile, writeVerdict } from '../model/verdict.js'
import { loadDefaults, loadTable } from '../options/load.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, optionsFrom, references } from './options.js'
import { withProgress } from './progress.js'
import { note, oneLine, warn } from './report.js'
import { put } from './terminal.js'

/** `check`: whether the paged engine computes what the stateful one does. Exit code 0 when it does, 1 when not. */
export function checkCommand(interrupts: Interrupts): Command {
  const command = new Command('check')
    .summary('compares the engines on a model')
    .description(
      'Computes prompts with the paged and the stateful engine and stores with MODEL whether\n' +
        "both agree; --engine auto goes by that. Exit code 0: they agree, 1: they don't.",
    )
    .argument('<model>')
    .option('--json', 'one JSON object: the verdict with its numbers')
  addFlags(command, flagsOf({ device: loadTable.device, ...references }))
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm check ./model')
  return command.action(async (model: string, flags: Flags) => {
    const { signal } = interrupts
    const device = typeof flags.device === 'string' ? flags.device : loadDefaults.device
    deviceKind(device)
    const { openvino } = loadAddon().buildInfo()
    const { folder, verdict } = await withProgress(async (onProgress) => {
      const options = { ...optionsFrom(flags, references), signal, onProgress, check: false }
      const { definition } = await openReference(model, options, warn)
      const found = await checkModel(definition, { signal, onProgress, device, openvino })
      return { folder: definition.folder, verdict: found }
    })
    const stored = await store(folder, verdict)
    if (!verdict.faithful) process.exitCode = 1
    await put(
      process.stdout,
      flags.json ? `${JSON.stringify({ ...verdict, stored })}\n` : `${oneLine(sentence(verdict))}\n`,
    )
  })
}

function sentence({ faithful, faithfulUpTo, reason }: Verdict): string {
  return faithful
    ? `faithful${faithfulUpTo === undefined ? '' : ` up to ${faithfulUpTo} tokens`}: ${reason}`
    : `not faithful, --engine auto takes the stateful engine: ${reason}`
}

/** Whether it could be written. */
async function store(folder: string, verdict: Verdict): Promise<boolean> {
  try {
    await writeVerdict(folder, verdict)
    return true
  } catch (error) {
    if (!isSystemError(error)) throw error
    note(`the verdict is not stored: ${verdictFile} cannot be written (${error.message})`)
    return false
  }
}
