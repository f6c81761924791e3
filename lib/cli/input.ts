import { addAbortSignal, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'

/**
 * The text that a command works on: its argument, else all of standard input without its last line break, which `echo` adds.
 * Nothing, text that is not UTF-8, and a terminal that nobody would know to type into are wrong usage.
 */
export async function textOf(argument: string | undefined, command: Command, signal: AbortSignal): Promise<string> {
  const name = command.registeredArguments[1]?.name() ?? 'text'
  if (argument === undefined && process.stdin.isTTY)
    command.error(`error: expected ${name} as an argument or on standard input`)
  const text = argument ?? (await readAll(process.stdin, command, signal)).replace(/\r?\n$/, '')
  if (text === '') command.error(`error: expected ${name} not to be empty`)
  return text
}

async function readAll(input: Readable, command: Command, signal: AbortSignal): Promise<string> {
  const bytes = await buffer(addAbortSignal(signal, input))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    command.error('error: expected standard input to be UTF-8 text')
  }
}
