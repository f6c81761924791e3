import { inspect } from 'node:util'
import { LLMError } from '../errors.js'
import type { Warn } from '../warnings.js'
import { printable } from './terminal.js'

/** Writes a line about what goes on to standard error. */
export function note(message: string): void {
  process.stderr.write(`openvino-llm: ${oneLine(message)}\n`)
}

/** Shows a warning. */
export const warn: Warn = (_code, message) => note(`warning: ${message}`)

/** Writes a failure to standard error: one line, or with `verbose` everything that is known. */
export function reportFailure(error: unknown, verbose: boolean): void {
  note(failureText(error))
  if (verbose) process.stderr.write(`${printable(inspect(error))}\n`)
}

/** `ERR_CODE: message` of an LLMError, the name and message of anything else. */
function failureText(error: unknown): string {
  if (error instanceof LLMError) return `${error.code}: ${error.message}`
  if (error instanceof Error) return `${error.name}: ${error.message}`
  return String(error)
}

/** Messages of the runtime and of templates have several lines, and templates are written by strangers. */
export function oneLine(message: string): string {
  return printable(message.trim().replace(/\s*\n\s*/g, ' '))
}
