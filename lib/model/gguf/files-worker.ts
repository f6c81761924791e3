import { workerData } from 'node:worker_threads'
import { answerTask } from '../../thread-task.js'
import type { FilesWorkerInput } from './files-thread.js'
import { planJoin } from './join-plan.js'
import { writeModelFiles } from './model-files.js'

// Entry of the worker thread that files-thread.ts starts.
const input = workerData as FilesWorkerInput
answerTask(input.task === 'join' ? planJoin(input.parts) : writeModelFiles(input.source, input.folder))
