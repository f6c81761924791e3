import { type ErrorCode, LLMError } from '../errors.js'
import type { Rule } from '../options/rules.js'
import { readText } from './model-file.js'

/** Deeper JSON is refused: it would overflow the stack of the structured clone that sends it to a worker thread. */
const maxDepth = 64

/** An object from a file whose fields are checked when they are read: an error names the file and the field. null is absent. */
export class JsonObject {
  constructor(
    readonly file: string,
    readonly data: Readonly<Record<string, unknown>>,
    private readonly prefix = '',
    private readonly code: ErrorCode = 'ERR_MODEL_INVALID',
  ) {}

  /** Reads an optional file that holds one JSON object. */
  static async read(file: string): Promise<JsonObject | undefined> {
    const text = await readText(file)
    if (text === undefined) return undefined
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw new LLMError(
        'ERR_MODEL_INVALID',
        `${file}: expected JSON (${cause instanceof Error ? cause.message : 'not valid'})`,
        { cause },
      )
    }
    if (!isObject(value))
      throw new LLMError('ERR_MODEL_INVALID', `${file}: expected a JSON object, found ${describe(value)}`)
    if (isDeeper(value, maxDepth))
      throw new LLMError('ERR_MODEL_INVALID', `${file}: expected JSON of at most ${maxDepth} levels, found more`)
    return new JsonObject(file, value)
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  get(name: string): unknown {
    return Object.hasOwn(this.data, name) ? (this.data[name] ?? undefined) : undefined
  }

  string(name: string): string | undefined {
    return this.expect(name, 'a string', (value) => (typeof value === 'string' ? value : undefined))
  }

  boolean(name: string): boolean | undefined {
    return this.expect(name, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined))
  }

  /** A finite number that `accept` agrees to; `range` says in words which those are. */
  number(name: string, range = 'a number', accept: (value: number) => boolean = () => true): number | undefined {
    return this.expect(name, range, (value) => {
      // GGUF holds 64-bit integers, which arrive as bigint.
      const number = typeof value === 'bigint' ? Number(value) : value
      return typeof number === 'number' && Number.isFinite(number) && accept(number) ? number : undefined
    })
  }

  integer(name: string, minimum: 0 | 1): number | undefined {
    const range = minimum === 1 ? 'a positive integer' : 'an integer ≥ 0'
    return this.number(name, range, (value) => Number.isSafeInteger(value) && value >= minimum)
  }

  /** The value of an option, which must obey the option's rule. */
  option(name: string, { expected, accepts }: Rule): unknown {
    return this.expect(name, expected, (value) => {
      const plain = typeof value === 'bigint' ? Number(value) : value
      return accepts(plain) ? plain : undefined
    })
  }

  object(name: string): JsonObject | undefined {
    const data = this.expect(name, 'an object', (value) => (isObject(value) ? value : undefined))
    return data && new JsonObject(this.file, data, `${this.prefix}${name}.`, this.code)
  }

  strings(name: string): string[] | undefined {
    return this.expect(name, 'an array of strings', (value) => (isArrayOf(value, isString) ? value : undefined))
  }

  numbers(name: string): number[] | undefined {
    return this.expect(name, 'an array of numbers', (value) => (isArrayOf(value, isNumber) ? value : undefined))
  }

  /** One token id or several, as `eos_token_id` has them; empty when absent. */
  tokenIds(name: string): number[] {
    const ids = this.expect(name, 'a token id or an array of token ids', (value) => {
      const list: unknown[] = Array.isArray(value) ? value : [value]
      return isArrayOf(list, isTokenId) ? list : undefined
    })
    return ids ?? []
  }

  /** The error for a field that is not what it should be. */
  invalid(name: string, expected: string): LLMError {
    const found = describe(this.get(name))
    return new LLMError(this.code, `${this.file}: expected "${this.prefix}${name}" to be ${expected}, found ${found}`)
  }

  private expect<T>(name: string, expected: string, read: (value: unknown) => T | undefined): T | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    const result = read(value)
    if (result === undefined) throw this.invalid(name, expected)
    return result
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isArrayOf<T>(value: unknown, is: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(is)
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isTokenId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31

/** A value in words, short enough for a message. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object') return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return `${text.length > 80 ? `${text.slice(0, 80)}…` : text} of type ${typeof value}`
}

/** Whether containers are nested more than `limit` deep. Breadth first, because recursion is what a hostile file aims at. */
export function isDeeper(value: unknown, limit: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
  return false
}
