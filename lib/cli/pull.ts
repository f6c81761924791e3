import { access } from 'node:fs/promises'
import { Command } from 'commander'
import { fileError } from '../file-error.js'
import { type SnapshotRequest, snapshot } from '../hub/download.js'
import { availableMemory } from '../memory/available.js'
import { loadTable } from '../options/load.js'
import { hubSource } from '../references/hub-source.js'
import { resolveReference } from '../references/resolve.js'
import { size } from './byte-size.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, optionsFrom } from './options.js'
import { withProgress } from './progress.js'
import { note, warn } from './report.js'
import { put } from './terminal.js'

const { revision, offline } = loadTable
const table = { revision, offline }

/** `pull`: downloads a model, and prints where it is. */
export function pullCommand(interrupts: Interrupts): Command {
  const command = new Command('pull')
    .summary('downloads a model')
    .description('Downloads MODEL unless it is on this machine, and prints its path.')
    .argument('<model>', 'owner/repo, with @revision, /folder or :QUANTIZATION; a model.yaml')
  addFlags(command, flagsOf(table, true))
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm pull owner/name')
  return command.action(async (model: string, flags: Flags) => {
    const { signal } = interrupts
    const { path } = await withProgress((onProgress) => {
      const hub = { ...hubSource, snapshot: (request: SnapshotRequest) => snapshot({ ...request, onPlan }) }
      return resolveReference(model, { ...optionsFrom(flags, table), hub, signal, onProgress, warn })
    })
    // A path of this machine is not looked at until it is loaded.
    await access(path).catch((error: unknown) => {
      throw fileError(path, error)
    })
    await put(process.stdout, `${path}\n`)
  })
}

/** Says what is about to be downloaded. Files say only roughly what memory a model takes, so that is a warning. */
const onPlan: SnapshotRequest['onPlan'] = ({ total, missing }) => {
  note(`${size(missing)} to download`)
  const memory = availableMemory()
  if (total > memory)
    note(`warning: the files have ${size(total)}, and ${size(memory)} of memory are free: it may not fit`)
}
