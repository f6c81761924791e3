import { parentPort, workerData } from 'node:worker_threads'
import { LLMError } from '../../errors.js'
import type { FilesWorkerInput, FilesWorkerOutput } from './files-thread.js'
import { planJoin } from './join-plan.js'
import { writeModelFiles } from './model-files.js'

// Entry of the worker thread that files-thread.ts starts. An LLMError loses its class on the way, hence code and message.
const input = workerData as FilesWorkerInput
const work = input.task === 'join' ? planJoin(input.parts) : writeModelFiles(input.source, input.folder)
work.then(
  (result) => post({ ok: true, result }),
  (error: unknown) => {
    if (!(error instanceof LLMError)) throw error
    post({ ok: false, code: error.code, message: error.message })
  },
)

function post(output: FilesWorkerOutput): void {
  parentPort?.postMessage(output)
}
