import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

interface How {
  cwd: string
  env: Record<string, string>
}

/** Runs a program in exactly this environment to its end: what is given to spawn gets NODE_OPTIONS of tap's. */
export async function runIn(program: string, args: string[], { cwd, env }: How): Promise<Ended> {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const child = spawn('/usr/bin/env', ['-i', ...variables, program, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), code])
  return { code: exit, stdout, stderr }
}

/** The same, and fails when the program does. */
export async function runChecked(program: string, args: string[], how: How): Promise<Ended> {
  const ended = await runIn(program, args, how)
  if (ended.code !== 0)
    throw new Error(`${program} ${args.join(' ')}: exit code ${ended.code}\n${ended.stdout}${ended.stderr}`)
  return ended
}
