import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** What `npm test -- --isa` sets holds for every process. */
const isa = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => key.endsWith('_MAX_CPU_ISA') || key === 'OV_CPU_MAX_ISA'),
)

/**
 * Runs Node with this environment and nothing else: without PATH a script finds no tool at all.
 * @param input what the script reads from its standard input
 */
export async function node(args: string[], env: Record<string, string>, input = ''): Promise<Ended> {
  const child = spawn(process.execPath, args, { env: { ...isa, ...env } })
  child.stdin.end(input)
  const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}

/** Puts a program into a folder that answers every call by these lines of sh. */
export function fakeTool(folder: string, name: string, script: string): void {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}
