import { Command } from 'commander'
import { estimate, type MemoryEstimate } from '../loading/estimate.js'
import { type EstimateOptions, estimateTable } from '../options/estimate.js'
import { size } from './byte-size.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, optionsFrom } from './options.js'
import { withProgress } from './progress.js'
import { oneLine } from './report.js'
import { put } from './terminal.js'

/** `estimate`: the memory that a model will take. Exit code 0 when it fits, 1 when not. */
export function estimateCommand(interrupts: Interrupts): Command {
  const command = new Command('estimate')
    .summary('says what memory it will take')
    .description(
      'Reads MODEL without compiling it and says how much memory it will take, and whether\n' +
        'it fits. Exit code 0: it fits, 1: it does not.',
    )
    .argument('<model>')
    .option('--json', 'one JSON object, in bytes')
  addFlags(command, flagsOf(estimateTable, true))
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm estimate ./model --concurrency 4')
  return command.action(async (model: string, flags: Flags) => {
    const options: EstimateOptions = { ...optionsFrom(flags, estimateTable), signal: interrupts.signal }
    const found = await withProgress((onProgress) => estimate(model, { ...options, onProgress }))
    if (!found.fits) process.exitCode = 1
    await put(process.stdout, flags.json ? `${JSON.stringify(found)}\n` : text(found))
  })
}

function text({ weights, kvCache, activations, runtime, total, available, fits }: MemoryEstimate): string {
  const rows: [string, string][] = [
    [
      'weights',
      `${size(weights.packed)} packed${weights.mapped > 0 ? `, ${size(weights.mapped)} of the file while there is room` : ''}`,
    ],
    ['KV cache', `${size(kvCache)} when the contexts are full`],
    ['activations', size(activations)],
    ['runtime', size(runtime)],
    ['total', `${size(total)}${weights.mapped > 0 ? `, at least ${size(total - weights.mapped)}` : ''}`],
    ['available', `${size(available)}: it ${fits ? 'fits' : 'does not fit'}`],
  ]
  return rows.map(([name, value]) => `${oneLine(`${name.padEnd(12)} ${value}`)}\n`).join('')
}
