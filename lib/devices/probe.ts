import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { NativeDevice } from '../engine/boundary.js'
import { LLMError } from '../errors.js'

/** What asking a plugin in another process gave. */
export type Probed =
  | { kind: 'found'; devices: NativeDevice[] }
  /** The process died or did not answer: how, in words. */
  | { kind: 'died'; how: string }
  /** The addon could not be loaded there: a failure of this package, not of the plugin. */
  | { kind: 'failed'; error: LLMError }

/** What the child process sends. */
export type ProbeMessage = { devices: NativeDevice[] } | { error: { code: string; message: string } }

export interface ProbeOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds; a driver that hangs is as bad as one that crashes. Default 60,000. */
  timeout?: number | undefined
  /** Module that the child runs, for tests. */
  module?: string | undefined
}

const child = fileURLToPath(new URL('probe-child.js', import.meta.url))

/**
 * Asks a plugin, or all of them for '', what devices it has. Its driver is loaded into a process of its own: one that crashes takes that
 * down, not the caller.
 *
 * Rejects with `signal.reason`, and with what the system says when no process can be started.
 */
export function probe(plugin: string, options: ProbeOptions = {}): Promise<Probed> {
  const { signal, timeout = 60_000, module = child } = options
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    // No flags of the caller's: a debugger's port cannot be had twice. Electron's binary is Node only when told so.
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' }
    const running = fork(module, [plugin], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env })
    let message: ProbeMessage | undefined
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
    running.on('message', (found) => {
      message = found as ProbeMessage
    })
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    running.on('error', (error) => {
      end()
      reject(error)
    })
    running.on('close', (code, how) => {
      end()
      if (late) resolve({ kind: 'died', how: `gave no answer within ${timeout / 1000} s` })
      else if (how !== null) resolve({ kind: 'died', how: `ended with signal ${how}` })
      else if (message === undefined || code !== 0) resolve({ kind: 'died', how: `ended with code ${code}` })
      else if ('devices' in message) resolve({ kind: 'found', devices: message.devices })
      else {
        const { code: why, message: text } = message.error
        resolve({ kind: 'failed', error: new LLMError(why as LLMError['code'], text) })
      }
    })
  })
}
