import { Worker } from 'node:worker_threads'
import { type ErrorCode, LLMError } from '../errors.js'
import { maxYamlBytes, readDocument } from './document.js'

export interface DocumentInput {
  text: string
  file: string
  wanted: string | undefined
}

export type DocumentOutput =
  | { ok: true; document: Record<string, unknown> }
  | { ok: false; code: ErrorCode; message: string }

/** Bytes that are parsed where they are. A hostile text of that length takes some 50 ms, an honest one less than starting a thread. */
const smallBytes = 16 * 1024
/** MiB of JavaScript heap, and milliseconds. A megabyte takes some 100 MiB and two seconds. */
const most = { heap: 512, time: 30_000 }

/**
 * As `readDocument`; a long text is read in a thread of its own, so that it holds up nobody.
 *
 * @throws LLMError as `readDocument`, and ERR_MODEL_INVALID for a text that takes too long or too much memory
 */
export async function readDocumentAside(input: DocumentInput, bounds = most): Promise<Record<string, unknown>> {
  const { text, file, wanted } = input
  const bytes = Buffer.byteLength(text)
  // One that is too long is refused unread.
  if (bytes <= smallBytes || bytes > maxYamlBytes) return await readDocument(text, file, wanted)
  const worker = new Worker(new URL('./document-worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: bounds.heap },
    // Flags of the process, such as a debugger's or a loader's, are not the worker's.
    execArgv: [],
  })
  const invalid = (why: string, cause?: unknown) => new LLMError('ERR_MODEL_INVALID', `${file}: ${why}`, { cause })
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', (output: DocumentOutput) => {
        if (output.ok) resolve(output.document)
        else reject(new LLMError(output.code, output.message))
      })
      worker.once('error', (error) => reject(invalid(`expected YAML that can be read (${error.message})`, error)))
      worker.once('exit', () => reject(invalid('the thread that reads it ended unexpectedly')))
      timer = setTimeout(() => reject(invalid(`expected YAML that is read in ${bounds.time / 1000} s`)), bounds.time)
    })
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}
