import { type GenerationOptions, generationTable } from './generation.js'
import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** How far `llm.generateAll` is. */
export interface BatchProgress {
  /** Requests that have ended. */
  done: number
  /** All of them, or undefined while the prompts are an iterable that does not tell. */
  total: number | undefined
}

/** Options of `llm.generateAll`: those of every request, and of all together. */
export interface GenerateAllOptions
  extends Omit<GenerationOptions, 'requestId' | 'onToken' | 'onText' | 'onReprefill'> {
  /** Most requests at a time, 1 to 65536. By default as many as the model computes at once. */
  concurrency?: number | undefined
  /** Called when a request ends. An error that it throws ends all. */
  onProgress?: ((progress: BatchProgress) => void) | undefined
  /** Whether the first failure ends all; else all failures come in one AggregateError after everything has ended. Default true. */
  stopOnError?: boolean | undefined
}

const { requestId: _, onToken: __, onText: ___, onReprefill: ____, ...request } = generationTable

/** The options of `llm.generateAll`. */
export const batchTable = {
  ...request,
  concurrency: check.integer(1, 65_536),
  onProgress: check.callback,
  stopOnError: { ...check.boolean, default: true },
} as const satisfies Table<GenerateAllOptions>

export const batchDefaults = defaultsOf(batchTable)
