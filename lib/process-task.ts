import { fork } from 'node:child_process'
import type { URL } from 'node:url'
import { fileURLToPath } from 'node:url'

/** How a process came to its end, and what it had sent until then. */
export interface ProcessEnd<Message> {
  messages: Message[]
  /** How it died, in words; '' when it ended by itself with code 0. */
  died: string
}

/** What a process may take. */
export interface ProcessBounds {
  /** Milliseconds until it is killed. */
  timeout: number
  signal?: AbortSignal | undefined
  /** Variables beside those of this process. */
  env?: Readonly<Record<string, string>> | undefined
}

/**
 * Runs a module in a process of its own, to its end: a driver that crashes or hangs takes that down, not the caller. The module sends
 * messages with `process.send`.
 *
 * Rejects with `signal.reason`, and with what the system says when no process can be started.
 */
export function runProcess<Message>(
  module: URL | string,
  args: readonly string[],
  { timeout, signal, env }: ProcessBounds,
): Promise<ProcessEnd<Message>> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    // No flags of the caller's: a debugger's port cannot be had twice. Electron's binary is Node only when told so.
    const running = fork(typeof module === 'string' ? module : fileURLToPath(module), args, {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, ...env, ELECTRON_RUN_AS_NODE: '1' },
    })
    const messages: Message[] = []
    let late = false
    const timer = setTimeout(() => {
      late = true
      running.kill('SIGKILL')
    }, timeout)
    const abort = () => {
      running.kill('SIGKILL')
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    running.on('message', (message) => messages.push(message as Message))
    running.on('error', (error) => {
      end()
      reject(error)
    })
    running.on('close', (code, how) => {
      end()
      const died = late
        ? `gave no answer within ${timeout / 1000} s`
        : how !== null
          ? `ended with signal ${how}`
          : code !== 0
            ? `ended with code ${code}`
            : ''
      resolve({ messages, died })
    })
  })
}
