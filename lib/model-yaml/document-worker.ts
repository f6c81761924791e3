import { workerData } from 'node:worker_threads'
import { answerTask } from '../thread-task.js'
import { readDocument } from './document.js'
import type { DocumentInput } from './document-thread.js'

// Entry of the worker thread that document-thread.ts starts.
const { text, file, wanted } = workerData as DocumentInput
answerTask(readDocument(text, file, wanted))
