import type { Scores } from './task.js'

/** The mean of a metric. */
export interface Estimate {
  value: number
  /** The standard error of the mean; null for a single question. */
  stderr: number | null
}

/** Questions and the means of their metrics, the accuracy of the task first. Empty where answers cannot be graded here. */
export interface GradedQuestions {
  questions: number
  scores: Readonly<Record<string, Estimate>>
}

/** What an evaluation comes to. */
export interface Evaluation extends GradedQuestions {
  /** The name of the task, and its row in the model cards. */
  task: string
  title: string
  shots: number
  /** The mean of the first metric, or null where answers cannot be graded here. */
  accuracy: number | null
  /** The same for each group of questions: the subjects of MMLU. */
  groups: Readonly<Record<string, GradedQuestions>>
}

/** @param graded the scores of each question and its group */
export function evaluationOf(
  about: Pick<Evaluation, 'task' | 'title' | 'shots'>,
  graded: readonly { group: string | undefined; scores: Scores | undefined }[],
): Evaluation {
  const names = new Set(graded.flatMap(({ group }) => group ?? []))
  const groups = [...names].map((name) => [name, meansOf(graded.filter(({ group }) => group === name))] as const)
  const all = meansOf(graded)
  return {
    ...about,
    accuracy: Object.values(all.scores)[0]?.value ?? null,
    ...all,
    groups: Object.fromEntries(groups),
  }
}

function meansOf(graded: readonly { scores: Scores | undefined }[]): GradedQuestions {
  const names = Object.keys(graded[0]?.scores ?? {})
  const scores = names.map((name) => [name, estimate(graded.map(({ scores }) => scores?.[name] ?? 0))] as const)
  return { questions: graded.length, scores: Object.fromEntries(scores) }
}

function estimate(values: readonly number[]): Estimate {
  const sum = (of: readonly number[]) => of.reduce((total, value) => total + value, 0)
  const count = values.length
  const value = sum(values) / count
  const variance = sum(values.map((one) => (one - value) ** 2)) / (count - 1)
  return { value, stderr: count > 1 ? Math.sqrt(variance / count) : null }
}
