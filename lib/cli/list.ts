import { Command } from 'commander'
import { hubCache } from '../hub/settings.js'
import { type StoredModel, storedModels } from '../store/models.js'
import { scanStore } from '../store/scan.js'
import { size } from './byte-size.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, type Flags } from './options.js'
import { note, oneLine } from './report.js'
import { put } from './terminal.js'

/** `list`: the models that are on this machine. */
export function listCommand(interrupts: Interrupts): Command {
  const command = new Command('list')
    .summary('lists downloaded models')
    .description(
      'Lists the OpenVINO models and GGUFs in the cache shared with Python: size,\n' +
        'last use, format, context, and whether an estimate says that they fit in memory.',
    )
    .option('--json', 'one JSON array, with bytes and times')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm list')
  return command.action(async (flags: Flags) => {
    const cacheDir = hubCache()
    const models = await storedModels(await scanStore(cacheDir), interrupts.signal)
    if (flags.json) return put(process.stdout, `${JSON.stringify(models.map(plain))}\n`)
    if (models.length === 0) note(`no models in ${cacheDir}`)
    else await put(process.stdout, table(models))
  })
}

const plain = ({ used, ...model }: StoredModel) => ({ ...model, used: new Date(used).toISOString() })

function table(models: readonly StoredModel[]): string {
  const rows = models.map((model) => [
    model.reference,
    size(model.size),
    new Date(model.used).toISOString().slice(0, 10),
    model.format,
    `${model.contextLength ?? '?'}`,
    fits(model),
  ])
  const all = [['model', 'size', 'last use', 'format', 'context', 'fits'], ...rows]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => (row[column] as string).length)))
  return all
    .map((row) => `${oneLine(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))}\n`)
    .join('')
}

export function fits({ fits: known, problem }: Pick<StoredModel, 'fits' | 'problem'>): string {
  if (problem !== '') return `cannot be loaded: ${problem}`
  return known === undefined ? '?' : known ? 'yes' : 'no'
}
