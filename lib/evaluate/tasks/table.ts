import { basename } from 'node:path'
import { didYouMean } from '../../options/rules.js'
import type { Task } from '../task.js'
import { bbh, gsm8k, triviaqa } from './answers.js'
import {
  agieval,
  arcChallenge,
  arcEasy,
  hellaswag,
  openbookqa,
  piqa,
  socialIqa,
  truthfulqaMc2,
  winogrande,
} from './endings.js'
import { commonsenseQa, medqa, mmlu } from './lettered.js'
import { humaneval, mbpp } from './programs.js'
import { anli, boolq } from './verdicts.js'

/** The rows of the model cards of Phi-3, in their order. */
export const tasks: readonly Task[] = [
  mmlu,
  hellaswag,
  anli,
  gsm8k,
  medqa,
  agieval,
  triviaqa,
  arcChallenge,
  arcEasy,
  piqa,
  socialIqa,
  bbh,
  winogrande,
  openbookqa,
  boolq,
  commonsenseQa,
  truthfulqaMc2,
  humaneval,
  mbpp,
]

/** The names of the tasks. */
export const taskNames: readonly string[] = tasks.map(({ name }) => name)

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
const named = tasks.flatMap((task) => [task.name, ...(task.aliases ?? [])].map((name) => ({ name: plain(name), task })))

/**
 * A task by its name, whatever the case and the hyphens; without one, the task whose name the name of the file begins with.
 * @throws TypeError when there is none
 */
export function findTask(name: string | undefined, file: string): Task {
  if (name !== undefined) {
    const found = named.find((one) => one.name === plain(name))
    if (found) return found.task
    throw new TypeError(`expected task to be one that is known, received '${name}'${didYouMean(name, taskNames)}`)
  }
  const [longest] = named
    .filter((one) => plain(basename(file)).startsWith(one.name))
    .sort((a, b) => b.name.length - a.name.length)
  if (longest) return longest.task
  throw new TypeError(
    `expected the option task, because the name of ${basename(file)} begins with none; known are ${taskNames.join(', ')}`,
  )
}
