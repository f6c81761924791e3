import { Command, CommanderError, Option } from 'commander'
import { loadAddon } from '../addon/load.js'
import { packageVersion } from '../version.js'
import { chatCommand } from './chat.js'
import { checkCommand } from './check.js'
import { convertCommand } from './convert.js'
import { devicesCommand } from './devices.js'
import { doctorCommand } from './doctor.js'
import { estimateCommand } from './estimate.js'
import { evaluateCommand } from './evaluate.js'
import { generateCommand } from './generate.js'
import { infoCommand } from './info.js'
import type { Interrupts } from './interrupts.js'
import { listCommand } from './list.js'
import { pullCommand } from './pull.js'
import { removeCommand } from './remove.js'
import { runCommand, serveCommand } from './serve.js'
import { showCommand } from './show.js'
import { tokenizeCommand } from './tokenize.js'

/** The whole command line. Parsing it throws a CommanderError instead of ending the process. */
export function createProgram(interrupts: Interrupts): Command {
  const program = new Command('openvino-llm')
    .description('Runs language models on OpenVINO. MODEL: folder, .gguf, owner/repo, model.yaml.')
    .usage('<command> [options], or --version')
    .addOption(new Option('-V, --version', 'package and OpenVINO versions').hideHelp())
    .helpCommand(false)
    .addHelpText('after', '\nExample: openvino-llm chat ./phi-3-mini-int4 --stats')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'openvino-llm: ')) })
    .exitOverride()
    // Commander's own version() wants the text beforehand, and OpenVINO's is in the addon.
    .on('option:version', () => {
      process.stdout.write(`openvino-llm ${packageVersion}\n`)
      process.stdout.write(`OpenVINO ${loadAddon().buildInfo().openvino}\n`)
      throw new CommanderError(0, 'commander.version', packageVersion)
    })
  const commands = [
    runCommand,
    chatCommand,
    generateCommand,
    serveCommand,
    tokenizeCommand,
    evaluateCommand,
    convertCommand,
    checkCommand,
    infoCommand,
    estimateCommand,
    pullCommand,
    listCommand,
    showCommand,
    removeCommand,
    devicesCommand,
    doctorCommand,
  ]
  for (const create of commands) program.addCommand(create(interrupts).copyInheritedSettings(program))
  // With all commands, the list has no lines left on a screen for what the usage says.
  program.addHelpOption(new Option('-h, --help').hideHelp())
  return program
}
