import { LLMError } from '../errors.js'
import type { LLM } from '../llm.js'
import type { EvaluateOptions } from '../options/evaluate.js'
import type { ResultLine } from './results-file.js'
import type { Row } from './row.js'
import type { Scores } from './task.js'
import { readTaskFile, type TaskFile } from './task-file.js'

/** What an evaluation needs of a model; the LLM class has it. */
export type Evaluated = Pick<LLM, 'info' | 'score' | 'generate'>

/** The questions of a task as one model is asked them. */
export interface Asking<Line extends ResultLine> {
  questions: TaskFile<unknown>
  shotsFile: TaskFile<unknown> | undefined
  /** Requests that a question takes at once. */
  width: number
  ask(index: number, signal: AbortSignal): Promise<Line>
  /** A line that was written earlier. */
  read(row: Row): Line
  /** Undefined where only running the answer as a program could tell. */
  grade(line: Line): Scores | undefined
  groupOf(index: number): string | undefined
}

/** The files of a task: the questions, and the shots where they have a file of their own. */
export async function readFiles<Example>(
  file: string,
  { shotsFile }: EvaluateOptions,
  read: (row: Row) => Example,
): Promise<{ questions: TaskFile<Example>; shotsFile: TaskFile<Example> | undefined }> {
  const questions = await readTaskFile(file, read)
  return { questions, shotsFile: shotsFile === undefined ? undefined : await readTaskFile(shotsFile, read) }
}

/** Runs a request; its failure names the question. */
export async function ofQuestion<T>(where: string, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof LLMError)) throw error
    throw new LLMError(error.code, `${where}: ${error.message}`, { cause: error })
  }
}
