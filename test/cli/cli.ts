import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { tiny } from '../llm/fixtures.js'

export const main = resolve('dist/cli/main.js')

/** What equality needs: u8 KV and bf16 would move logits. */
export const exactFlags = [
  'INFERENCE_PRECISION_HINT=f32',
  'KV_CACHE_PRECISION=f32',
  'DYNAMIC_QUANTIZATION_GROUP_SIZE=0',
].flatMap((property) => ['--ov', property])

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A running command, and what it has written so far. */
export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #waiting: (() => void)[] = []
  #over = false

  constructor(command: string, args: readonly string[], env: Record<string, string>, cwd = process.cwd()) {
    this.child = spawn(command, args, { cwd, env: { ...process.env, DEBUG: '', ...env } })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#took({ stdout: text }))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#took({ stderr: text }))
    // The command may end before it has read everything.
    this.child.stdin?.on('error', () => {})
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        this.#over = true
        this.#took({})
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves when what was written passes the test. */
  async until(passes: (running: this) => boolean): Promise<void> {
    while (!passes(this)) {
      if (this.#over) throw new Error(`the command ended before: ${this.stdout}\n${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
  }

  #took({ stdout = '', stderr = '' }): void {
    this.stdout += stdout
    this.stderr += stderr
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** Starts the command line. */
export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  return new Running(process.execPath, [main, ...args], env)
}

/** Runs the command line to its end. */
export function run(
  args: readonly string[],
  options: { input?: string | Uint8Array; env?: Record<string, string> } = {},
): Promise<Ended> {
  const running = start(args, options.env)
  running.child.stdin?.end(options.input ?? '')
  return running.ended
}

let inTurn: { child: ChildProcess; ended: Promise<unknown[]> } | undefined
let last: Promise<unknown> = Promise.resolve()

/**
 * Runs the command line to its end in a process that it shares with others, one after the other: that saves the start of one each. What
 * reads standard input, is stopped or proves how a process ends uses {@link run}.
 */
export function runInTurn(args: readonly string[]): Promise<Ended> {
  inTurn ??= startInTurn()
  const { child, ended } = inTurn
  const next = last.then(async () => {
    child.send(args)
    const [answer] = await Promise.race([once(child, 'message'), ended])
    if (typeof answer !== 'object') throw new Error(`the process of the command lines ended with ${answer}`)
    return answer as Ended
  })
  last = next.catch(() => {})
  return next
}

function startInTurn() {
  const child = fork('build/test/cli/in-turn.js', { env: { ...process.env, DEBUG: '' } })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.disconnect()
    await ended
  })
  return { child, ended }
}

/** A folder with a tiny model whose context is so long that no answer without an end is over before it is stopped, however quick the machine. */
export function endlessModel(t: Pick<Test, 'testdir'>): string {
  const folder = join(t.testdir(), 'endless')
  cpSync(tiny('tiny-phi3'), folder, { recursive: true })
  const path = join(folder, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  writeFileSync(path, JSON.stringify({ ...config, max_position_embeddings: 2 ** 20 }))
  return folder
}
