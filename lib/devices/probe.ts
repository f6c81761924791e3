import type { NativeDevice } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import { runProcess } from '../process-task.js'

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

/**
 * Asks a plugin, or all of them for '', what devices it has. Its driver is loaded into a process of its own: one that crashes takes that
 * down, not the caller.
 *
 * Rejects with `signal.reason`, and with what the system says when no process can be started.
 */
export async function probe(plugin: string, options: ProbeOptions = {}): Promise<Probed> {
  const { signal, timeout = 60_000, module = new URL('./probe-child.js', import.meta.url) } = options
  const { messages, died } = await runProcess<ProbeMessage>(module, [plugin], { signal, timeout })
  if (died !== '') return { kind: 'died', how: died }
  const [message] = messages
  // It may also have ended without a word.
  if (message === undefined) return { kind: 'died', how: 'ended with code 0' }
  if ('devices' in message) return { kind: 'found', devices: message.devices }
  const { code, message: text } = message.error
  return { kind: 'failed', error: new LLMError(code as LLMError['code'], text) }
}
