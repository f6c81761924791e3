import { JsonObject } from '../model/json-object.js'

/** One row of a task file. Every error names file, line and field. */
export class Row {
  readonly #json: JsonObject

  /** @param where `file:line` */
  constructor(
    readonly where: string,
    data: Readonly<Record<string, unknown>>,
    prefix = '',
  ) {
    this.#json = new JsonObject(where, data, prefix, 'ERR_TASK_FILE')
  }

  has(name: string): boolean {
    return this.#json.has(name)
  }

  get(name: string): unknown {
    return this.#json.get(name)
  }

  /** Text that is not empty. */
  text(name: string): string {
    const text = this.#json.string(name)
    if (text === undefined || text.trim() === '') throw this.invalid(name, 'text that is not empty')
    return text
  }

  /** Texts that are not empty, from `least` to `most` of them. */
  texts(name: string, least: number, most = least): string[] {
    const texts = this.#json.strings(name)
    if (!texts || texts.length < least || texts.length > most || texts.some((text) => text.trim() === '')) {
      throw this.invalid(name, `an array of ${least === most ? least : `${least} to ${most}`} texts that are not empty`)
    }
    return texts
  }

  /** A whole number, or its digits, from `first` to below `first + count`; `first` counts as 0. */
  index(name: string, count: number, first = 0): number {
    const value = this.get(name)
    const number = typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number) || number < first || number >= first + count) {
      throw this.invalid(name, `an integer from ${first} to ${first + count - 1}`)
    }
    return number - first
  }

  /** Which of some words a field holds. */
  word(name: string, words: readonly string[]): number {
    const value = this.get(name)
    const index = typeof value === 'string' ? words.indexOf(value.trim()) : -1
    if (index < 0) throw this.invalid(name, `one of ${words.join(', ')}`)
    return index
  }

  boolean(name: string): boolean {
    const value = this.#json.boolean(name)
    if (value === undefined) throw this.invalid(name, 'true or false')
    return value
  }

  object(name: string): Row {
    const object = this.#json.object(name)
    if (!object) throw this.invalid(name, 'an object')
    return new Row(this.where, object.data, `${name}.`)
  }

  /** The error for a field that is not what it should be. */
  invalid(name: string, expected: string): Error {
    return this.#json.invalid(name, expected)
  }
}
