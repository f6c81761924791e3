import { parentPort, workerData } from 'node:worker_threads'
import { LLMError } from '../errors.js'
import { readDocument } from './document.js'
import type { DocumentInput, DocumentOutput } from './document-thread.js'

// Entry of the worker thread that document-thread.ts starts. An LLMError loses its class on the way, hence code and message.
const { text, file, wanted } = workerData as DocumentInput
readDocument(text, file, wanted).then(
  (document) => post({ ok: true, document }),
  (error: unknown) => {
    if (!(error instanceof LLMError)) throw error
    post({ ok: false, code: error.code, message: error.message })
  },
)

function post(output: DocumentOutput): void {
  parentPort?.postMessage(output)
}
