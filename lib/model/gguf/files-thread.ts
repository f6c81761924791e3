import type { GgufMends } from '../../engine/boundary.js'
import { LLMError } from '../../errors.js'
import { runTask, type ThreadEnd } from '../../thread-task.js'
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

/** MiB of JavaScript heap; the largest known vocabulary (262,144 tokens, 514,906 merges) stays below half of it. */
const maxHeap = 1024
/** Milliseconds; that vocabulary takes some seconds on a slow machine. */
const deadline = 120_000

/**
 * Runs `writeModelFiles` or `planJoin` in a worker thread.
 *
 * @throws LLMError of the worker, or ERR_CONVERT when it runs past its deadline or memory; `signal.reason` when aborted
 */
export async function runFilesTask<Task extends keyof FilesTasks>(
  task: Task,
  args: FilesTasks[Task]['args'],
  signal?: AbortSignal,
): Promise<FilesTasks[Task]['result']> {
  const file = 'source' in args ? args.source : args.parts[0]
  const explain = (end: ThreadEnd): LLMError => {
    const failed = (text: string, cause?: unknown): LLMError =>
      new LLMError('ERR_CONVERT', `${file}: ${text}`, cause === undefined ? {} : { cause })
    if (end.how === 'late') return failed(`its metadata took longer than ${deadline / 1000} s to read`)
    if (end.how === 'exited') return failed('the thread that reads its metadata ended unexpectedly')
    const { error } = end
    return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? failed(`its metadata takes more than ${maxHeap} MiB of memory`, error)
      : failed(`its metadata cannot be read (${error.message})`, error)
  }
  const bounds = { heap: maxHeap, time: deadline, signal, explain }
  return await runTask(new URL('./files-worker.js', import.meta.url), { task, ...args }, bounds)
}
