import { Command } from 'commander'
import { LLMError } from '../errors.js'
import { hubCache } from '../hub/settings.js'
import { findInStore, type InStore } from '../store/find.js'
import { storedModels } from '../store/models.js'
import { type StoredRepo, scanStore } from '../store/scan.js'
import { size } from './byte-size.js'
import { definitionRows, describeReference } from './definition-rows.js'
import type { Interrupts } from './interrupts.js'
import { fits } from './list.js'
import { addCommonFlags, type Flags } from './options.js'
import { oneLine } from './report.js'
import { put } from './terminal.js'

/** `show`: what a reference would load, with the source of each value, and what was downloaded of its repository. */
export function showCommand(interrupts: Interrupts): Command {
  const command = new Command('show')
    .summary('shows what a reference loads')
    .description(
      'Shows what REFERENCE would load from this machine, with the source of each value, and\n' +
        'the commits, models and files of its repository.',
    )
    .argument('<reference>', 'a model, or what list prints: owner/name, @revision, /folder')
    .option('--json', 'one JSON object')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm show owner/name')
  return command.action(async (reference: string, flags: Flags) => {
    const { signal } = interrupts
    const definition = await describeReference(reference, signal)
    const inStore = stored(await scanStore(hubCache()), reference, !('problem' in definition))
    if (!inStore) {
      const text = flags.json ? `${JSON.stringify({ definition })}\n` : linesOf(definitionRows(definition))
      return put(process.stdout, text)
    }
    const { revision, path = () => true } = inStore
    const { repo, folder } = inStore.stored
    const chosen = (revision ? [revision] : inStore.stored.revisions).map((each) => ({
      ...each,
      files: each.files.filter((file) => path(file.path)),
    }))
    const models = await storedModels([{ ...inStore.stored, revisions: chosen }], signal)
    if (flags.json)
      return put(process.stdout, `${JSON.stringify({ definition, repo, folder, revisions: chosen, models })}\n`)
    const rows: [string, string][] = [...definitionRows(definition), ['repository', repo], ['folder', folder]]
    for (const { commit, refs, files } of chosen) {
      rows.push(['commit', `${commit}${refs.length > 0 ? ` (${refs.join(', ')})` : ''}`])
      for (const model of models.filter((each) => each.commit === commit)) {
        const context = model.contextLength === undefined ? '' : `, context ${model.contextLength}`
        rows.push(['model', `${model.reference}: ${model.format}, ${size(model.size)}${context}; fits: ${fits(model)}`])
        rows.push(['path', model.path])
      }
      for (const file of files) rows.push(['file', `${file.path}  ${size(file.size)}`])
    }
    await put(process.stdout, linesOf(rows))
  })
}

const linesOf = (rows: readonly [string, string][]): string =>
  rows.map(([name, value]) => `${oneLine(`${name.padEnd(12)} ${value}`)}\n`).join('')

/** What the cache has of a reference. @returns undefined for one that is not in it, and leads somewhere nevertheless */
function stored(repos: readonly StoredRepo[], reference: string, leads: boolean): InStore | undefined {
  try {
    return findInStore(repos, reference)
  } catch (error) {
    if (leads && error instanceof LLMError) return undefined
    throw error
  }
}
