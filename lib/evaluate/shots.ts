import { LLMError } from '../errors.js'
import type { TaskFile } from './task-file.js'

/** Solved examples that stand before questions. */
export class Shots<Example extends object> {
  readonly #count: number
  readonly #file: TaskFile<Example>
  readonly #groupOf: (example: Example) => string | undefined
  /** Of each group the first ones, one more than are needed: a question is no example for itself. */
  readonly #groups = new Map<string | undefined, Example[]>()

  /** @param solved whether an example shows its answer */
  constructor(
    count: number,
    file: TaskFile<Example>,
    groupOf: (example: Example) => string | undefined = () => undefined,
    solved: (example: Example) => boolean = () => true,
  ) {
    this.#count = count
    this.#file = file
    this.#groupOf = groupOf
    for (const example of file.examples) {
      const group = this.#groups.get(groupOf(example)) ?? []
      if (group.length <= count && solved(example)) group.push(example)
      this.#groups.set(groupOf(example), group)
    }
  }

  /** @throws LLMError when there are too few */
  before(example: Example): Example[] {
    const group = this.#groupOf(example)
    const found = (this.#groups.get(group) ?? []).filter((other) => other !== example).slice(0, this.#count)
    if (found.length === this.#count) return found
    throw new LLMError(
      'ERR_TASK_FILE',
      `${this.#file.path}: expected ${this.#count} solved examples${group === undefined ? '' : ` of ${group}`} before each question, ` +
        `found ${found.length}; ask for fewer shots, or name another file for them`,
    )
  }
}
