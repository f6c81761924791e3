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
  uid?: number
}

/** Runs a program in exactly this environment to its end. */
export async function runIn(program: string, args: string[], { cwd, env, uid }: How): Promise<Ended> {
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
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
