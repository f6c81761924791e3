import type { Row } from './row.js'

/** What one answer is worth by each metric, from 0 to 1. The first metric is the accuracy. */
export type Scores = Readonly<Record<string, number>>

/** A question with its possible answers, each with what the model reads before it. Blanks are filled in before, so those may differ. */
export interface ChoiceExample {
  /** Examples of another group are no shots for it. */
  group?: string
  asks: readonly { prompt: string; answer: string }[]
  /** Which are right. */
  gold: readonly number[]
}

/** A question that the model answers in its own words. */
export interface AnswerExample {
  /** Its name in the data set, where that has one. */
  id?: string
  prompt: string
  /** The answer when it is shown as a shot; undefined where the row has none that explains itself. */
  shot: string | undefined
  references: readonly string[]
}

interface CommonTask {
  /** As in lm-evaluation-harness, where it has the task. */
  name: string
  /** What else it is called. */
  aliases?: readonly string[]
  /** As in the model cards of Phi-3, and so the number of shots. */
  title: string
  shots: number
}

/** A task whose answers are scored. */
export interface ChoiceTask extends CommonTask {
  kind: 'choices'
  /** What stands before the shots of a group. */
  description?(group: string): string
  read(row: Row): ChoiceExample
  /** @param logprobs one for each of `asks` */
  grade(logprobs: readonly number[], example: ChoiceExample): Scores
}

/** A task whose answers are generated. */
export interface AnswerTask extends CommonTask {
  kind: 'answers'
  /** Between a question and its answer. */
  delimiter: '' | ' '
  stop: readonly string[]
  maxNewTokens: number
  read(row: Row): AnswerExample
  /** Absent where only running the answer as a program could tell. */
  grade?(text: string, references: readonly string[]): Scores
}

export type Task = ChoiceTask | AnswerTask
