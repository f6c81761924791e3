import { CommanderError } from 'commander'
import { Interrupts } from './interrupts.js'
import { createProgram } from './program.js'
import { reportFailure } from './report.js'

/** How long an interrupted process may take to end by itself, in milliseconds. */
const exitDelayMs = 200

/**
 * Does what a command line says, and sets the exit code: 0 done, 1 failed, 2 wrong usage, 128 + signal number when stopped (130 for Ctrl+C,
 * 141 for a closed output).
 * @param args what stands behind `openvino-llm`
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const interrupts = new Interrupts()
  let verbose = Boolean(process.env.DEBUG)
  try {
    const program = await createProgram(interrupts, args[0])
    program.hook('preAction', (_program, command) => {
      verbose ||= command.opts().verbose === true
    })
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    // Whatever fails because of the interruption is no failure of its own.
    if (interrupts.exitCode === undefined) process.exitCode = exitCodeOf(error, verbose)
  } finally {
    interrupts.close()
  }
  if (interrupts.exitCode !== undefined) {
    process.exitCode = interrupts.exitCode
    // A model that is being compiled cannot be stopped, and would keep the process for seconds after everything else has ended.
    setTimeout(() => process.exit(), exitDelayMs).unref()
  }
}

function exitCodeOf(error: unknown, verbose: boolean): number {
  // Commander has already said what was wrong, or shown the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  reportFailure(error, verbose)
  return 1
}
