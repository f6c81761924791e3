import { Command } from 'commander'
import { convertGguf } from '../model/gguf/convert.js'
import type { Interrupts } from './interrupts.js'
import { withProgress } from './load.js'
import { addCommonFlags } from './options.js'
import { note } from './report.js'

/** `convert`: a GGUF file into a model folder. */
export function convertCommand(interrupts: Interrupts): Command {
  const command = new Command('convert')
    .summary('makes a model folder of a GGUF')
    .description('Converts a GGUF file into an OpenVINO IR in FOLDER, which must not hold any file.')
    .argument('<source.gguf>')
    .argument('<folder>')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm convert model.Q4_1.gguf ./model')
  return command.action(async (source: string, folder: string) => {
    const { signal } = interrupts
    const definition = await withProgress((onProgress) => convertGguf(source, folder, { signal, onProgress }))
    note(
      `wrote ${definition.folder}: ${definition.modelType}, ${(definition.weightsBytes / 1e6).toFixed(1)} MB of weights`,
    )
  })
}
