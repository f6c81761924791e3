import { Command } from 'commander'
import { LLMError } from '../errors.js'
import { convertGguf } from '../model/gguf/convert.js'
import { hubSource } from '../references/hub-source.js'
import { resolveReference } from '../references/resolve.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, optionsFrom, references } from './options.js'
import { withProgress } from './progress.js'
import { note, warn } from './report.js'

/** `convert`: a GGUF file into a model folder. */
export function convertCommand(interrupts: Interrupts): Command {
  const command = new Command('convert')
    .summary('makes a model folder of a GGUF')
    .description('Converts a GGUF file into an OpenVINO IR in FOLDER, which must not hold any file.')
    .argument('<source.gguf>')
    .argument('<folder>')
  addFlags(command, flagsOf(references, true))
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm convert model.Q4_1.gguf ./model')
  return command.action(async (source: string, folder: string, flags: Flags) => {
    const { signal } = interrupts
    const definition = await withProgress(async (onProgress) => {
      const following = { ...optionsFrom(flags, references), hub: hubSource, signal, onProgress, warn }
      const { path } = await resolveReference(source, following)
      if (!/\.gguf$/i.test(path)) throw new LLMError('ERR_CONVERT', `${source}: expected a GGUF, found ${path}`)
      return await convertGguf(path, folder, { signal, onProgress })
    })
    note(
      `wrote ${definition.folder}: ${definition.modelType}, ${(definition.weightsBytes / 1e6).toFixed(1)} MB of weights`,
    )
  })
}
