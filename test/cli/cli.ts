import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'

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
