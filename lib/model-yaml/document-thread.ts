import { LLMError } from '../errors.js'
import { runTask, type ThreadEnd } from '../thread-task.js'
import { maxYamlBytes, readDocument } from './document.js'

export interface DocumentInput {
  text: string
  file: string
  wanted: string | undefined
}

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
  const explain = (end: ThreadEnd): LLMError => {
    const invalid = (why: string, cause?: unknown) => new LLMError('ERR_MODEL_INVALID', `${file}: ${why}`, { cause })
    if (end.how === 'failed') return invalid(`expected YAML that can be read (${end.error.message})`, end.error)
    if (end.how === 'late') return invalid(`expected YAML that is read in ${bounds.time / 1000} s`)
    return invalid('the thread that reads it ended unexpectedly')
  }
  return await runTask(new URL('./document-worker.js', import.meta.url), input, { ...bounds, explain })
}
