import { Command, CommanderError, Option } from 'commander'
import { loadAddon } from '../addon/load.js'
import { packageVersion } from '../version.js'
import type { Interrupts } from './interrupts.js'

/** Where each command is, in the order of --help. All of them together take longer to import than many a command takes to run. */
const commands: Readonly<Record<string, () => Promise<(interrupts: Interrupts) => Command>>> = {
  run: async () => (await import('./serve.js')).runCommand,
  chat: async () => (await import('./chat.js')).chatCommand,
  generate: async () => (await import('./generate.js')).generateCommand,
  serve: async () => (await import('./serve.js')).serveCommand,
  tokenize: async () => (await import('./tokenize.js')).tokenizeCommand,
  evaluate: async () => (await import('./evaluate.js')).evaluateCommand,
  convert: async () => (await import('./convert.js')).convertCommand,
  check: async () => (await import('./check.js')).checkCommand,
  info: async () => (await import('./info.js')).infoCommand,
  estimate: async () => (await import('./estimate.js')).estimateCommand,
  pull: async () => (await import('./pull.js')).pullCommand,
  list: async () => (await import('./list.js')).listCommand,
  show: async () => (await import('./show.js')).showCommand,
  remove: async () => (await import('./remove.js')).removeCommand,
  devices: async () => (await import('./devices.js')).devicesCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
}

/**
 * The command line. Parsing it throws a CommanderError instead of ending the process.
 * @param name of the only command that it needs to have; all are there when it is no command's
 */
export async function createProgram(interrupts: Interrupts, name = ''): Promise<Command> {
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
  const wanted = Object.hasOwn(commands, name) ? [commands[name]] : Object.values(commands)
  for (const create of await Promise.all(wanted.map((load) => load?.()))) {
    if (create) program.addCommand(create(interrupts).copyInheritedSettings(program))
  }
  // With all commands, the list has no lines left on a screen for what the usage says.
  program.addHelpOption(new Option('-h, --help').hideHelp())
  return program
}
