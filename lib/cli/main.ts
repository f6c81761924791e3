#!/usr/bin/env node
import { CommanderError } from 'commander'
import { Interrupts } from './interrupts.js'
import { createProgram } from './program.js'
import { reportFailure } from './report.js'

/** How long an interrupted process may take to end by itself, in milliseconds. */
const exitDelayMs = 200

/** Exit codes: 0 done, 1 failed, 2 wrong usage, 128 + signal number when stopped (130 for Ctrl+C, 141 for a closed output). */
async function main(): Promise<void> {
  const interrupts = new Interrupts()
  const program = createProgram(interrupts)
  let verbose = Boolean(process.env.DEBUG)
  program.hook('preAction', (_program, command) => {
    verbose ||= command.opts().verbose === true
  })
  try {
    await program.parseAsync()
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

void main()
