import { runAll } from '../generation/generate-all.js'
import { type EvaluateOptions, evaluateTable } from '../options/evaluate.js'
import { checkOptions, describe } from '../options/rules.js'
import { askAnswers } from './ask-answers.js'
import { askChoices } from './ask-choices.js'
import type { Asking, Evaluated } from './asking.js'
import { type Evaluation, evaluationOf } from './evaluation.js'
import { modelIdentity } from './model-identity.js'
import { type ResultLine, ResultsFile, type ResultsHeader } from './results-file.js'
import type { Task } from './task.js'
import { findTask } from './tasks/table.js'

/** Of prompts and grading: results of another version are not mixed with those of this one. */
const version = 1

/**
 * Asks a model the questions of a task and says how many answers are right, as EleutherAI's lm-evaluation-harness does.
 *
 * @param llm a loaded model
 * @param file the questions, as the data set has them: a JSON object a line
 * @throws TypeError for options that are unknown or out of range, and for a task that is not known
 * @throws LLMError `ERR_TASK_FILE` for a file that does not hold what it should, with its line and field; else what `llm.score` and
 * `llm.generate` reject with, with the file and the line of the question
 * @throws `options.signal.reason` once the signal is aborted
 */
export async function evaluate(llm: Evaluated, file: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const task = checkEvaluation(file, options)
  options.signal?.throwIfAborted()
  if (task.kind === 'choices') return await run(llm, task, options, await askChoices(llm, task, file, options))
  return await run(llm, task, options, await askAnswers(llm, task, file, options))
}

/**
 * The task that is asked for.
 * @throws TypeError as {@link evaluate} does
 */
export function checkEvaluation(file: string, options: EvaluateOptions): Task {
  checkOptions(options, evaluateTable, 'EvaluateOptions')
  if (typeof file !== 'string' || file === '') {
    throw new TypeError(`expected file to be the path of a task file, received ${describe(file)}`)
  }
  const task = findTask(options.task, file)
  if (task.kind === 'answers' && !task.grade && options.output === undefined) {
    throw new TypeError(
      `expected the option output with the task ${task.name}: its answers are programs, which are not run here; they are written out ` +
        'for a checker',
    )
  }
  return task
}

async function run<Line extends ResultLine>(
  llm: Evaluated,
  task: Task,
  options: EvaluateOptions,
  asking: Asking<Line>,
): Promise<Evaluation> {
  const { onProgress, signal, output } = options
  const shots = options.shots ?? task.shots
  const total = Math.min(asking.questions.examples.length, options.limit ?? Number.POSITIVE_INFINITY)
  const header = async (): Promise<ResultsHeader> => ({
    version,
    task: task.name,
    taskFile: hashed(asking.questions),
    shotsFile: asking.shotsFile ? hashed(asking.shotsFile) : null,
    shots,
    description: options.description ?? null,
    model: await modelIdentity(llm.info),
    precision: llm.info.precision,
  })
  const results = output === undefined ? undefined : await ResultsFile.open(output, await header(), asking.read)
  try {
    const lines = results?.found ?? new Map<number, Line>()
    const indices = Array.from({ length: total }, (_, i) => i)
    const open = indices.filter((index) => !lines.has(index))
    let done = total - open.length
    if (done > 0) onProgress?.({ done, total })
    // A score takes the places of all its answers; then several questions at a time would only wait for each other.
    const concurrency = options.concurrency ?? Math.max(1, Math.floor(llm.info.maxSequences / asking.width))
    await runAll(open, { concurrency, signal }, async (index, signal) => {
      const line = await asking.ask(index, signal)
      await results?.file.add(line)
      lines.set(index, line)
      onProgress?.({ done: ++done, total })
    })
    const graded = indices.map((index) => ({
      group: asking.groupOf(index),
      scores: asking.grade(lines.get(index) as Line),
    }))
    return evaluationOf({ task: task.name, title: task.title, shots }, graded)
  } finally {
    await results?.file.close()
  }
}

const hashed = ({ path, sha256 }: { path: string; sha256: string }) => ({ name: path, sha256 })
