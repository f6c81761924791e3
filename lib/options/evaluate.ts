import * as check from './rules.js'
import type { Table } from './table.js'

/** How far an evaluation is. */
export interface EvaluationProgress {
  /** Questions that have a result, those of an earlier run included. */
  done: number
  total: number
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** One of `taskNames`. By default the task whose name the name of the file begins with. */
  task?: string | undefined
  /** Solved examples before each question, 0 to 64. By default as many as the model cards of Phi-3 give. */
  shots?: number | undefined
  /**
   * A file of the same format with the examples; the first ones are taken, for MMLU those of the same subject. By default they are the
   * first rows of the task's own file but for the question itself.
   */
  shotsFile?: string | undefined
  /** Text before the examples. By default none; for MMLU a sentence with the subject. */
  description?: string | undefined
  /** Only the first questions of the file, ≥ 1. By default all. */
  limit?: number | undefined
  /**
   * A file that gets the result of each question as it comes. When it is there already, and is of the same model, task file and settings,
   * its questions are not asked again. By default results are not written.
   */
  output?: string | undefined
  /** Questions at a time, 1 to 256. By default as many as fill `maxSequences` of the model. */
  concurrency?: number | undefined
  /** Called when a question has its result. An error that it throws ends the evaluation. */
  onProgress?: ((progress: EvaluationProgress) => void) | undefined
  /** Ends the evaluation at any moment; it rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
}

/** The options of `evaluate`, in the order in which the help shows their flags. */
export const evaluateTable = {
  task: { ...check.string, flag: { value: '<name>', help: 'default: what the name of the file begins with' } },
  shots: { ...check.integer(0, 64), flag: { value: '<n>', help: "default: the model cards' of Phi-3" } },
  shotsFile: { ...check.string, flag: { value: '<file>', help: 'examples; default: rows of the task file' } },
  description: { ...check.string, flag: { value: '<text>', help: 'text before the examples' } },
  limit: { ...check.integer(1), flag: { value: '<n>', help: 'only the first questions' } },
  output: { ...check.string, flag: { value: '<file>', help: 'writes results; a run that was cut goes on' } },
  concurrency: { ...check.integer(1, 256), flag: { value: '<n>', help: 'questions at a time', rare: true } },
  onProgress: check.callback,
  signal: check.signal,
} as const satisfies Table<EvaluateOptions>
