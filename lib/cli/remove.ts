import { Command } from 'commander'
import { hubCache } from '../hub/settings.js'
import { findInStore } from '../store/find.js'
import { removeFromStore } from '../store/remove.js'
import { scanStore } from '../store/scan.js'
import { size } from './byte-size.js'
import { addCommonFlags } from './options.js'
import { note } from './report.js'

/** `remove`: frees what was downloaded. */
export function removeCommand(): Command {
  const command = new Command('remove')
    .summary('removes downloaded models')
    .description('Removes REFERENCE from the cache shared with Python.\nContents that another commit uses stay.')
    .argument('<reference...>', 'as list prints it: owner/name, @revision, /folder or :QUANTIZATION')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm remove owner/name')
  return command.action(async (references: string[]) => {
    for (const reference of references) {
      const { stored, revision, path } = findInStore(await scanStore(hubCache()), reference)
      const freed = await removeFromStore(stored, { commit: revision?.commit, path })
      note(`removed ${reference}: ${size(freed)} are free again`)
    }
  })
}
