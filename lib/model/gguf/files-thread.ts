import { Worker } from 'node:worker_threads'
import type { GgufMends } from '../../engine/boundary.js'
import { type ErrorCode, LLMError } from '../../errors.js'

export interface FilesWorkerInput {
  /** Path of the GGUF. */
  source: string
  /** Existing folder that gets the files. */
  folder: string
}

export type FilesWorkerOutput = { ok: true; mends: GgufMends } | { ok: false; code: ErrorCode; message: string }

/** MiB of JavaScript heap; the largest known vocabulary (262,144 tokens, 514,906 merges) stays below half of it. */
const maxHeap = 1024
/** Milliseconds; that vocabulary takes some seconds on a slow machine. */
const deadline = 120_000

/**
 * Runs `writeModelFiles` in a worker thread, so that neither an honest nor a hostile GGUF can hold up the event loop, hang, or take
 * the process's memory.
 *
 * @throws LLMError of the worker, or ERR_CONVERT when it runs past its deadline or memory; `signal.reason` when aborted
 */
export async function writeModelFilesInThread(input: FilesWorkerInput, signal?: AbortSignal): Promise<GgufMends> {
  signal?.throwIfAborted()
  const failed = (text: string, cause?: unknown): LLMError =>
    new LLMError('ERR_CONVERT', `${input.source}: ${text}`, cause === undefined ? {} : { cause })
  const worker = new Worker(new URL('./files-worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: maxHeap },
    // Flags of the process, such as a debugger's or a loader's, are not the worker's.
    execArgv: [],
  })
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  try {
    return await new Promise<GgufMends>((resolve, reject) => {
      worker.once('message', (output: FilesWorkerOutput) => {
        if (output.ok) resolve(output.mends)
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
