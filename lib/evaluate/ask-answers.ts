import type { EvaluateOptions } from '../options/evaluate.js'
import { type Asking, type Evaluated, ofQuestion, readFiles } from './asking.js'
import type { ResultLine } from './results-file.js'
import { Shots } from './shots.js'
import type { AnswerExample, AnswerTask } from './task.js'

/** An answer, with the names that checkers of programs read. */
interface AnsweredLine extends ResultLine {
  task_id?: string
  completion: string
}

/** Lets the model answer, greedily. */
export async function askAnswers(
  llm: Evaluated,
  task: AnswerTask,
  file: string,
  options: EvaluateOptions,
): Promise<Asking<AnsweredLine>> {
  const { questions, shotsFile } = await readFiles(file, options, (row) => task.read(row))
  const { examples } = questions
  const shots = new Shots(
    options.shots ?? task.shots,
    shotsFile ?? questions,
    undefined,
    ({ shot }) => shot !== undefined,
  )
  const before = examples.map((example) => shots.before(example))
  const { delimiter, stop, maxNewTokens } = task
  const line = (index: number, completion: string): AnsweredLine => {
    const { id } = examples[index] as AnswerExample
    return { index, ...(id === undefined ? {} : { task_id: id }), completion }
  }
  return {
    questions,
    shotsFile,
    width: 1,
    async ask(index, signal) {
      const solved = before[index]?.map(({ prompt, shot }) => `${prompt}${delimiter}${shot}\n\n`) ?? []
      const prompt = (options.description ?? '') + solved.join('') + examples[index]?.prompt
      const { text } = await ofQuestion(
        questions.places[index] ?? file,
        llm.generate(prompt, {
          maxNewTokens,
          stop,
          temperature: 0,
          numReturnSequences: 1,
          skipSpecialTokens: true,
          signal,
        }),
      )
      return line(index, text)
    },
    read(row) {
      const completion = row.get('completion')
      if (typeof completion !== 'string') throw row.invalid('completion', 'text')
      return line(row.index('index', examples.length), completion)
    },
    grade: ({ index, completion }) => task.grade?.(completion, examples[index]?.references ?? []),
    groupOf: () => undefined,
  }
}
