import { getHeapStatistics } from 'node:v8'
import { Environment, Interpreter, type Program, parse, type RuntimeValue, tokenize } from '@huggingface/jinja'
import { LLMError } from '../../errors.js'
import { strftime } from './strftime.js'

/** As Jinja's sandbox: a longer `range` is refused. */
const maxRange = 100_000
/** A longer string (UTF-16 units) or list is refused. Far above any context. */
const maxStringLength = 32 * 1024 * 1024
const maxListLength = 1_000_000
/** The heap is looked at each time so many units were made. */
const heapCheckInterval = 4 * 1024 * 1024

/**
 * A template refused the messages with `raise_exception`. The message names the file and gives the template's words.
 */
export class TemplateRefusal extends LLMError {
  constructor(file: string, words: string) {
    super('ERR_TEMPLATE', `${file}: the chat template refused the messages: ${words}`)
  }
}

class Raised extends Error {}

/**
 * Runs a template, and stops it before V8 would end the whole process: in a worker thread V8 only survives running out
 * of memory when the allocation that failed is small.
 */
class BoundedInterpreter extends Interpreter {
  readonly #file: string
  #made = 0

  constructor(environment: Environment, file: string) {
    super(environment)
    this.#file = file
  }

  override evaluate(statement: Program | undefined, environment: Environment): RuntimeValue {
    const result = super.evaluate(statement, environment)
    const { value } = result
    // As Jinja: a field of nothing is an error, a field that is missing is not.
    if (result.type === 'UndefinedValue' && statement?.type === 'MemberExpression' && statement.object !== undefined) {
      if (super.evaluate(statement.object, environment).type === 'UndefinedValue') {
        throw new Error(`${statement.object.value ?? 'a value'} is undefined, so that it has no fields`)
      }
    }
    // Printed as Python prints it.
    if (typeof value === 'boolean') result.toString = () => (value ? 'True' : 'False')
    const list = Array.isArray(value)
    const length = typeof value === 'string' || list ? value.length : 1
    if (length > (list ? maxListLength : maxStringLength)) {
      this.#fail(`made ${list ? `a list of ${length} items` : `a text of ${length} characters`}`)
    }
    this.#made += 16 + length
    if (this.#made > heapCheckInterval) {
      this.#made = 0
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
      if (used > limit * 0.75) this.#fail(`used ${Math.round(used / 1e6)} MB of memory`)
    }
    return result
  }

  #fail(what: string): never {
    throw new LLMError('ERR_TEXT_MEMORY', `${this.#file}: the chat template ${what}`)
  }
}

/**
 * transformers' tag around what the model has to say changes no text. The library cuts it out before it looks at
 * whitespace; a condition that holds keeps the whitespace rules of a tag.
 */
const generationTag = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g

/** A Jinja chat template, rendered as transformers does. */
export class ChatTemplate {
  /** For messages. */
  readonly file: string
  readonly #program: Program

  /** @throws LLMError ERR_TEMPLATE when the template does not parse. */
  constructor(source: string, file: string) {
    this.file = file
    try {
      const tags = source.replace(generationTag, (_, left: string, end: string | undefined, right: string) => {
        return `{%${left} ${end === undefined ? 'if true' : 'endif'} ${right}%}`
      })
      this.#program = parse(tokenize(tags, { lstrip_blocks: true, trim_blocks: true }))
    } catch (cause) {
      // At the end of the template the parser looks into a token that is not there.
      const what = cause instanceof TypeError ? 'it ends inside a block or an expression' : describe(cause)
      throw new LLMError('ERR_TEMPLATE', `${file}: the chat template is not valid: ${what}`, { cause })
    }
  }

  /**
   * Renders with `variables` in scope, beside `raise_exception`, `strftime_now`, `range` and the language's own.
   * @throws TemplateRefusal for `raise_exception`, LLMError ERR_TEMPLATE for what fails while it runs, ERR_TEXT_MEMORY.
   */
  render(variables: Readonly<Record<string, unknown>>): string {
    const environment = new Environment()
    const scope: Record<string, unknown> = {
      true: true,
      True: true,
      false: false,
      False: false,
      none: null,
      None: null,
      raise_exception: (message: unknown) => {
        throw new Raised(String(message ?? ''))
      },
      strftime_now: (format: unknown) => strftime(new Date(), String(format)),
      range,
      ...variables,
    }
    try {
      for (const [name, value] of Object.entries(scope)) environment.set(name, value)
      const text = new BoundedInterpreter(environment, this.file).run(this.#program).value
      if (typeof text === 'string') return text
    } catch (cause) {
      if (cause instanceof LLMError) throw cause
      if (cause instanceof Raised) throw new TemplateRefusal(this.file, cause.message)
      if (cause instanceof RangeError && /string length|array length/i.test(cause.message)) {
        throw new LLMError('ERR_TEXT_MEMORY', `${this.file}: the chat template made a text or list that is too long`, {
          cause,
        })
      }
      throw new LLMError('ERR_TEMPLATE', `${this.file}: the chat template failed: ${describe(cause)}`, { cause })
    }
    throw new LLMError('ERR_TEMPLATE', `${this.file}: the chat template made no text`)
  }
}

function describe(cause: unknown): string {
  if (cause instanceof RangeError && /call stack/.test(cause.message)) return 'it nests too deep'
  return cause instanceof Error ? cause.message || cause.constructor.name : String(cause)
}

function range(first: unknown, second?: unknown, third: unknown = 1): number[] {
  const [start, stop] = second === undefined || second === null ? [0, first] : [first, second]
  if (![start, stop, third].every((value) => Number.isInteger(value)) || third === 0) {
    throw new Error('range() expects integers, and a step that is not 0')
  }
  const step = third as number
  const length = Math.max(0, Math.ceil(((stop as number) - (start as number)) / step))
  if (length > maxRange) throw new Error(`range() of ${length} numbers; at most ${maxRange} are allowed`)
  return Array.from({ length }, (_, i) => (start as number) + i * step)
}
