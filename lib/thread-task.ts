import { parentPort, Worker } from 'node:worker_threads'
import { type ErrorCode, LLMError } from './errors.js'

type Output = { ok: true; result: unknown } | { ok: false; code: ErrorCode; message: string }

/** How a thread can end without a result. */
export type ThreadEnd = { how: 'failed'; error: Error } | { how: 'exited' } | { how: 'late' }

/** What a thread may take, and what is said when it ends without a result. */
export interface ThreadBounds {
  /** MiB of JavaScript heap. */
  heap: number
  /** Milliseconds. */
  time: number
  signal?: AbortSignal | undefined
  explain(end: ThreadEnd): LLMError
}

/**
 * Runs one task in a thread of its own, whose entry calls {@link answerTask}. So neither an honest nor a hostile input can hold up the event
 * loop, hang, or take the process's memory.
 *
 * @throws LLMError of the task, or what `explain` gives; `signal.reason` when aborted
 */
export async function runTask<Result>(entry: URL, input: unknown, bounds: ThreadBounds): Promise<Result> {
  const { heap, time, signal, explain } = bounds
  signal?.throwIfAborted()
  const worker = new Worker(entry, {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: heap },
    // Flags of the process, such as a debugger's or a loader's, are not the worker's.
    execArgv: [],
  })
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  try {
    return await new Promise<Result>((resolve, reject) => {
      worker.once('message', (output: Output) => {
        if (output.ok) resolve(output.result as Result)
        else reject(new LLMError(output.code, output.message))
      })
      worker.once('error', (error) => reject(explain({ how: 'failed', error })))
      worker.once('exit', () => reject(explain({ how: 'exited' })))
      timer = setTimeout(() => reject(explain({ how: 'late' })), time)
      onAbort = () => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort)
    })
  } finally {
    clearTimeout(timer)
    if (onAbort) signal?.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}

/** In the thread: sends what a task gives. An LLMError loses its class on the way, hence code and message. */
export function answerTask(work: Promise<unknown>): void {
  const post = (output: Output) => parentPort?.postMessage(output)
  work.then(
    (result) => post({ ok: true, result }),
    (error: unknown) => {
      if (!(error instanceof LLMError)) throw error
      post({ ok: false, code: error.code, message: error.message })
    },
  )
}
