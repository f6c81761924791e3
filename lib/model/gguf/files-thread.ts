import { Worker } from 'node:worker_threads'
import type { GgufMends } from '../../engine/boundary.js'
import { type ErrorCode, LLMError } from '../../errors.js'
import type { JoinPlan } from './join-plan.js'

/** What is done in a thread of its own: everything that reads a header. */
export interface FilesTasks {
  /** `source`: path of the GGUF; `folder`: an existing one, which gets the files. */
  write: { args: { source: string; folder: string }; result: GgufMends }
  /** `parts`: paths, in order. */
  join: { args: { parts: readonly string[] }; result: JoinPlan }
}

export type FilesWorkerInput = {
  [Task in keyof FilesTasks]: { task: Task } & FilesTasks[Task]['args']
}[keyof FilesTasks]

export type FilesWorkerOutput =
  | { ok: true; result: FilesTasks[keyof FilesTasks]['result'] }
  | { ok: false; code: ErrorCode; message: string }

/** MiB of JavaScript heap; the largest known vocabulary (262,144 tokens, 514,906 merges) stays below half of it. */
const maxHeap = 1024
/** Milliseconds; that vocabulary takes some seconds on a slow machine. */
const deadline = 120_000

/**
 * Runs `writeModelFiles` or `planJoin` in a worker thread, so that neither an honest nor a hostile GGUF can hold up the event loop, hang, or take
 * the process's memory.
 *
 * @throws LLMError of the worker, or ERR_CONVERT when it runs past its deadline or memory; `signal.reason` when aborted
 */
export async function runFilesTask<Task extends keyof FilesTasks>(
  task: Task,
  args: FilesTasks[Task]['args'],
  signal?: AbortSignal,
): Promise<FilesTasks[Task]['result']> {
  signal?.throwIfAborted()
  const file = 'source' in args ? args.source : args.parts[0]
  const failed = (text: string, cause?: unknown): LLMError =>
    new LLMError('ERR_CONVERT', `${file}: ${text}`, cause === undefined ? {} : { cause })
  const worker = new Worker(new URL('./files-worker.js', import.meta.url), {
    workerData: { task, ...args },
    resourceLimits: { maxOldGenerationSizeMb: maxHeap },
    // Flags of the process, such as a debugger's or a loader's, are not the worker's.
    execArgv: [],
  })
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  try {
    return await new Promise<FilesTasks[Task]['result']>((resolve, reject) => {
      worker.once('message', (output: FilesWorkerOutput) => {
        if (output.ok) resolve(output.result)
        else reject(new LLMError(output.code, output.message))
      })
      worker.once('error', (error) => {
        const memory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        reject(
          failed(
            memory
              ? `its metadata takes more than ${maxHeap} MiB of memory`
              : `its metadata cannot be read (${error.message})`,
            error,
          ),
        )
      })
      worker.once('exit', () => reject(failed('the thread that reads its metadata ended unexpectedly')))
      timer = setTimeout(() => reject(failed(`its metadata took longer than ${deadline / 1000} s to read`)), deadline)
      onAbort = () => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort)
    })
  } finally {
    clearTimeout(timer)
    if (onAbort) signal?.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}
