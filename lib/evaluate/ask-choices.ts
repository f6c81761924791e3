import type { EvaluateOptions } from '../options/evaluate.js'
import { type Asking, type Evaluated, ofQuestion, readFiles } from './asking.js'
import type { ResultLine } from './results-file.js'
import { Shots } from './shots.js'
import type { ChoiceExample, ChoiceTask } from './task.js'

/** What the answers of one question are worth: the natural logarithms of their probabilities. `-Infinity` is null in JSON. */
interface ScoredLine extends ResultLine {
  logprobs: number[]
}

/** Scores each answer as the continuation of its prompt. */
export async function askChoices(
  llm: Evaluated,
  task: ChoiceTask,
  file: string,
  options: EvaluateOptions,
): Promise<Asking<ScoredLine>> {
  const { questions, shotsFile } = await readFiles(file, options, (row) => task.read(row))
  const { examples } = questions
  const shots = new Shots(options.shots ?? task.shots, shotsFile ?? questions, ({ group }) => group)
  const prompts = examples.map((example) => {
    const solved = shots.before(example).map(({ asks, gold }) => asks[gold[0] as number])
    const { description = task.description?.(example.group ?? '') ?? '' } = options
    // Made when its turn has come: all of them at once would be the examples many times over.
    return (prompt: string) => description + solved.map((ask) => `${ask?.prompt} ${ask?.answer}\n\n`).join('') + prompt
  })
  const exampleAt = (index: number) => examples[index] as ChoiceExample
  return {
    questions,
    shotsFile,
    width: examples.reduce((most, { asks }) => Math.max(most, asks.length), 1),
    async ask(index, signal) {
      const { asks } = exampleAt(index)
      const whole = asks.map(({ prompt }) => prompts[index]?.(prompt) ?? prompt)
      const answers = asks.map(({ answer }) => ` ${answer}`)
      const same = whole.every((prompt) => prompt === whole[0])
      const groups = same
        ? [{ prompt: whole[0] ?? '', answers }]
        : whole.map((prompt, i) => ({ prompt, answers: answers.slice(i, i + 1) }))
      const scores = await ofQuestion(
        questions.places[index] ?? file,
        Promise.all(groups.map(({ prompt, answers }) => llm.score(prompt, answers, { signal }))),
      )
      return { index, logprobs: scores.flat().map(({ logprob }) => logprob) }
    },
    read(row) {
      const index = row.index('index', examples.length)
      const { asks } = exampleAt(index)
      const logprobs = row.get('logprobs')
      const isLogprob = (value: unknown) => value === null || (typeof value === 'number' && value <= 0)
      if (!Array.isArray(logprobs) || logprobs.length !== asks.length || !logprobs.every(isLogprob)) {
        throw row.invalid('logprobs', `an array of ${asks.length} numbers ≤ 0`)
      }
      return { index, logprobs: logprobs.map((value: number | null) => value ?? Number.NEGATIVE_INFINITY) }
    },
    grade: ({ index, logprobs }) => task.grade(logprobs, exampleAt(index)),
    groupOf: (index) => exampleAt(index).group,
  }
}
