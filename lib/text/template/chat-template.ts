import { getHeapStatistics } from 'node:v8'
import { Environment, Interpreter, type Program, parse, type RuntimeValue, tokenize } from '@huggingface/jinja'
import { LLMError } from '../../errors.js'
import { strftime } from './strftime.js'

/** Most numbers of a `range`, as in Jinja's sandbox. */
const maxRange = 100_000
/** Longest string, in UTF-16 units, and longest list that a template may make: far more than any context holds. */
const maxStringLength = 32 * 1024 * 1024
const maxListLength = 1_000_000
/** The heap is checked each time the template has made so many units. */
const heapCheckInterval = 4 * 1024 * 1024

/**
 * The template refused the messages with `raise_exception`. The error's message names the file and quotes the template.
 */
export class TemplateRefusal extends LLMError {
  constructor(file: string, words: string) {
    super('ERR_TEMPLATE', `${file}: the chat template refused the messages: ${words}`)
  }
}

class Raised extends Error {}

/** No template can name it. */
const noVariable = ' '
const missingFiltered = /^Cannot apply filter "(?!tojson")\w+" to type: UndefinedValue/

/**
 * Runs a template, and stops it before it exhausts the memory: V8 ends the whole process when a single large allocation
 * fails in a worker thread, whatever its resource limits.
 */
class BoundedInterpreter extends Interpreter {
  readonly #file: string
  #made = 0

  constructor(environment: Environment, file: string) {
    super(environment)
    this.#file = file
  }

  override evaluate(statement: Program | undefined, environment: Environment): RuntimeValue {
    const result = this.#mapped(statement, environment) ?? this.#evaluated(statement, environment)
    const { value } = result
    // As in Jinja, a field of an undefined value is an error, and a field that is missing is not.
    if (result.type === 'UndefinedValue' && statement?.type === 'MemberExpression' && statement.object !== undefined) {
      if (super.evaluate(statement.object, environment).type === 'UndefinedValue') {
        throw new Error(`${statement.object.value ?? 'a value'} is undefined, so it has no fields`)
      }
    }
    // Python prints booleans with a capital.
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

  /** As in Jinja, a field whose name is no text is missing, and what is missing is an empty text to filters. */
  #evaluated(statement: Program | undefined, environment: Environment): RuntimeValue {
    try {
      return super.evaluate(statement, environment)
    } catch (error) {
      const { message } = error as Error
      if (statement?.type === 'MemberExpression' && /^Cannot access property with non-/.test(message)) {
        return environment.lookupVariable(noVariable)
      }
      if (statement?.type !== 'FilterExpression' || !missingFiltered.test(message)) throw error
      return super.evaluate({ ...statement, operand: { type: 'StringLiteral', value: '' } }, environment)
    }
  }

  /** `map` with the name of a filter, which the library does not have. */
  #mapped(statement: Program | undefined, environment: Environment): RuntimeValue | undefined {
    const [name] =
      statement?.type === 'FilterExpression' && statement.filter?.callee?.value === 'map'
        ? (statement.filter.args ?? [])
        : []
    if (statement?.operand === undefined || name?.type !== 'StringLiteral') return undefined
    const list = this.evaluate(statement.operand, environment)
    if (!Array.isArray(list.value)) return undefined
    const items = list.value.map((item: RuntimeValue) => {
      const own = new Environment(environment)
      own.setVariable('item', item)
      const operand = { type: 'Identifier', value: 'item' }
      const filter = { type: 'Identifier', value: name.value }
      return this.evaluate({ type: 'FilterExpression', operand, filter }, own)
    })
    return new (list.constructor as new (items: RuntimeValue[]) => RuntimeValue)(items)
  }

  #fail(what: string): never {
    throw new LLMError('ERR_TEXT_MEMORY', `${this.#file}: the chat template ${what}`)
  }
}

/**
 * transformers' tag around the model's own words, which changes no text. The library removes it before it applies the
 * rules about whitespace around tags, so we put a condition in its place that always holds.
 */
const generationTag = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g

/** A Jinja chat template, which renders as in transformers. */
export class ChatTemplate {
  /** The file that errors name. */
  readonly file: string
  readonly source: string
  readonly #program: Program

  /** @throws LLMError ERR_TEMPLATE when the template does not parse. */
  constructor(source: string, file: string) {
    this.file = file
    this.source = source
    try {
      const tags = source.replace(generationTag, (_, left: string, end: string | undefined, right: string) => {
        return `{%${left} ${end === undefined ? 'if true' : 'endif'} ${right}%}`
      })
      this.#program = parse(tokenize(tags, { lstrip_blocks: true, trim_blocks: true }))
    } catch (cause) {
      // At the end of the template the parser reads a token that is not there.
      const what = cause instanceof TypeError ? 'it ends inside a block or an expression' : describe(cause)
      throw new LLMError('ERR_TEMPLATE', `${file}: the chat template is not valid: ${what}`, { cause })
    }
  }

  /**
   * Renders with these variables, and with `raise_exception`, `strftime_now`, `range` and what the language has.
   * @throws TemplateRefusal for `raise_exception`; LLMError ERR_TEMPLATE when the template fails, ERR_TEXT_MEMORY when
   * it makes too much.
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
  if (cause instanceof RangeError && /call stack/.test(cause.message)) return 'it nests too deeply'
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
