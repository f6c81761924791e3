import { loadAddon } from '../addon/load.js'
import { LLMError } from '../errors.js'
import type { JobEvent, Jobs } from './boundary.js'

/** How far a piece of long work is. */
export interface JobProgress {
  stage: string
  /** Of `total`. */
  done: number
  total: number
}

/**
 * Runs work that takes time but is no generation, on a thread of its own.
 * An aborted signal rejects at once with `signal.reason`; the thread ends at its next stage.
 * @throws LLMError with the code of what went wrong.
 */
export function runJob<K extends keyof Jobs>(
  kind: K,
  args: Jobs[K]['args'],
  options: { signal?: AbortSignal | undefined; onProgress?: ((progress: JobProgress) => void) | undefined } = {},
): Promise<Jobs[K]['result']> {
  const { signal, onProgress } = options
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const { Job } = loadAddon()
    const onEvents = (events: JobEvent[]) => {
      for (const event of events) {
        if (event.type === 'done') resolve(event.result as Jobs[K]['result'])
        else if (event.type === 'failed') reject(new LLMError(event.code, event.message))
        else if (event.type === 'closed') signal?.removeEventListener('abort', onAbort)
        else if (!signal?.aborted) report(event)
      }
    }
    const report = ({ stage, done, total }: JobProgress) => {
      try {
        onProgress?.({ stage, done, total })
      } catch (error) {
        reject(error)
        job.cancel()
      }
    }
    const onAbort = () => {
      reject(signal?.reason)
      job.cancel()
    }
    const job = new Job(kind, args, onEvents)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
