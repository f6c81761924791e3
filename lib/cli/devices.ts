import { Command } from 'commander'
import { type Device, devices } from '../devices/list.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags } from './options.js'
import { oneLine } from './report.js'
import { put } from './terminal.js'

/** `devices`: what OpenVINO sees on this machine. */
export function devicesCommand(interrupts: Interrupts): Command {
  const command = new Command('devices')
    .summary('lists the devices that OpenVINO sees')
    .description(
      'Lists the devices that OpenVINO sees on this machine; their names are values for --device.\n' +
        'Why one is missing: openvino-llm doctor.',
    )
    .option('--json', 'a JSON array with all properties of each device')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm devices --json')
  return command.action(async (flags: { json?: true }) => {
    const found = await devices({ signal: interrupts.signal })
    await put(process.stdout, flags.json ? `${JSON.stringify(found)}\n` : found.map(deviceLine).join(''))
  })
}

function deviceLine({ name, fullName, error }: Device): string {
  return `${oneLine(`${name.padEnd(8)} ${error === '' ? fullName : `${fullName} (${error})`}`)}\n`
}
