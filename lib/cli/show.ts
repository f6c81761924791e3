import { Command } from 'commander'
import { hubCache } from '../hub/settings.js'
import { findInStore } from '../store/find.js'
import { storedModels } from '../store/models.js'
import { scanStore } from '../store/scan.js'
import { size } from './byte-size.js'
import type { Interrupts } from './interrupts.js'
import { fits } from './list.js'
import { addCommonFlags, type Flags } from './options.js'
import { oneLine } from './report.js'
import { put } from './terminal.js'

/** `show`: what was downloaded of a repository. */
export function showCommand(interrupts: Interrupts): Command {
  const command = new Command('show')
    .summary('shows a downloaded repository')
    .description('Shows the commits, models and files of REFERENCE that are on this machine.')
    .argument('<reference>', 'as list prints it: owner/name, @revision, /folder or :QUANTIZATION')
    .option('--json', 'one JSON object')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm show owner/name')
  return command.action(async (reference: string, flags: Flags) => {
    const { stored, revision, path = () => true } = findInStore(await scanStore(hubCache()), reference)
    const { repo, folder } = stored
    const chosen = (revision ? [revision] : stored.revisions).map((each) => ({
      ...each,
      files: each.files.filter((file) => path(file.path)),
    }))
    const models = await storedModels([{ ...stored, revisions: chosen }], interrupts.signal)
    if (flags.json) return put(process.stdout, `${JSON.stringify({ repo, folder, revisions: chosen, models })}\n`)
    const rows: [string, string][] = [
      ['repository', repo],
      ['folder', folder],
    ]
    for (const { commit, refs, files } of chosen) {
      rows.push(['commit', `${commit}${refs.length > 0 ? ` (${refs.join(', ')})` : ''}`])
      for (const model of models.filter((each) => each.commit === commit)) {
        const context = model.contextLength === undefined ? '' : `, context ${model.contextLength}`
        rows.push(['model', `${model.reference}: ${model.format}, ${size(model.size)}${context}; fits: ${fits(model)}`])
        rows.push(['path', model.path])
      }
      for (const file of files) rows.push(['file', `${file.path}  ${size(file.size)}`])
    }
    await put(process.stdout, rows.map(([name, value]) => `${oneLine(`${name.padEnd(12)} ${value}`)}\n`).join(''))
  })
}
