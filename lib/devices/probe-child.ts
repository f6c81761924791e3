import { runJob } from '../engine/job.js'
import { LLMError } from '../errors.js'
import type { ProbeMessage } from './probe.js'

// Main module of the process that `probe` starts: lists the devices of the plugin in argv and ends.

// Nobody waits for the answer any more.
process.on('disconnect', () => process.exit(0))

async function list(): Promise<ProbeMessage> {
  try {
    return { devices: await runJob('devices', { plugin: process.argv[2] ?? '' }) }
  } catch (error) {
    if (error instanceof LLMError) return { error: { code: error.code, message: error.message } }
    return { error: { code: 'ERR_ENGINE', message: String(error) } }
  }
}

void list().then((message) => process.send?.(message, () => process.exit(0)))
