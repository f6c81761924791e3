import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** How families of models write tool calls. */
export const toolCallParsers = [
  'hermes',
  'qwen3-coder',
  'llama3',
  'mistral',
  'phi4-mini',
  'granite',
  'harmony',
  'gemma',
  'lfm2',
] as const

/** A format of tool calls, or `auto`: the one that the model's chat template knows. */
export type ToolCallParser = 'auto' | (typeof toolCallParsers)[number]

/** A tool that a model may ask for. It is described to the model, and never run by this package. */
export interface Tool {
  /** 1 to 64 letters, digits, `_`, `-` and `.`. */
  name: string
  description?: string | undefined
  /** JSON Schema of the arguments, an object. By default there are none. */
  parameters?: Readonly<Record<string, unknown>> | undefined
  /** Whether the arguments of a call obey `parameters`. False: they may be any object, as in OpenAI's API. Default true. */
  strict?: boolean | undefined
}

/** A tool in OpenAI's form. */
export interface FunctionTool {
  type: 'function'
  function: Tool
}

/** Options of tools. */
export interface ToolOptions {
  /** Tools that the model may ask for, also in OpenAI's form. The chat template shows them to the model. */
  tools?: readonly (Tool | FunctionTool)[] | undefined
}

/** Options of tools beside those that shape the prompt. */
export interface ToolCallOptions {
  /**
   * How the model writes tool calls. With `auto` the chat template tells; when it is of no format that is known, tools are a TypeError.
   * Default `auto`.
   */
  toolCallParser?: ToolCallParser | undefined
  /**
   * `auto`: the model decides; its text is free, and a call that it begins obeys `parameters`. `none`: the model does not see the tools.
   * `required`: the answer is nothing but calls, behind reasoning that is free. `{ name }`: calls of that tool. With `toolCallParser` `gemma`
   * calls are not constrained, and the last two are a TypeError. Default `auto`.
   */
  toolChoice?: 'auto' | 'none' | 'required' | { readonly name: string } | undefined
  /**
   * Whether an answer may have several calls; with `harmony` it has one. Where it may not, the answer ends with the first. Default true.
   */
  parallelToolCalls?: boolean | undefined
}

/** The option of tools that shapes the prompt. */
export const toolsTable = {
  tools: {
    ...check.array,
    chatOnly: true,
    pipeline: 'tools',
    flag: { value: '<json>', help: 'tools that the model may call, or a file with them', several: 'file', rare: true },
  },
} as const satisfies Table<ToolOptions>

const chosen: check.Rule = {
  expected: '{ name: a string }',
  accepts: (value) =>
    check.object.accepts(value) &&
    Object.keys(value as object).join() === 'name' &&
    check.string.accepts((value as { name: unknown }).name),
}

/** The other options of tools. */
export const toolCallTable = {
  toolCallParser: {
    ...check.oneOf('auto', ...toolCallParsers),
    default: 'auto',
    chatOnly: true,
    flag: { value: '<name>', help: 'hermes, mistral, …: how tool calls are written', rare: true },
  },
  toolChoice: {
    ...check.either(check.oneOf('auto', 'none', 'required'), chosen),
    default: 'auto',
    chatOnly: true,
    flag: { value: '<how>', help: 'auto, none or required', rare: true },
  },
  parallelToolCalls: { ...check.boolean, default: true, chatOnly: true },
} as const satisfies Table<ToolCallOptions>

export const toolDefaults = defaultsOf(toolCallTable)

const names: check.Rule = {
  expected: '1 to 64 letters, digits, _, - and .',
  accepts: (value) => typeof value === 'string' && /^[\w.-]{1,64}$/.test(value),
}
const toolFields = { name: names, description: check.string, parameters: check.object, strict: check.boolean }

/**
 * Tools in the form that chat templates expect.
 * @throws TypeError that names the tool and the field
 */
export function checkTools(tools: readonly unknown[]): FunctionTool[] {
  const checked = tools.map((given, i): FunctionTool => {
    const wrapped = check.object.accepts(given) && 'function' in (given as object)
    const tool = (wrapped ? (given as FunctionTool).function : given) as Record<string, unknown>
    const where = `tools[${i}]${wrapped ? '.function' : ''}`
    if (!check.object.accepts(tool))
      throw new TypeError(`expected ${where} to be an object, received ${check.describe(tool)}`)
    for (const [field, rule] of Object.entries(toolFields)) {
      const value = tool[field]
      if (value === undefined && field !== 'name') continue
      if (!rule.accepts(value)) {
        throw new TypeError(`expected ${where}.${field} to be ${rule.expected}, received ${check.describe(value)}`)
      }
    }
    if (wrapped && (given as FunctionTool).type !== 'function') {
      const { type } = given as FunctionTool
      throw new TypeError(`expected tools[${i}].type to be 'function', received ${check.describe(type)}`)
    }
    const { name, description, parameters = { type: 'object', properties: {} }, strict } = tool as unknown as Tool
    const loose = strict === false && { strict }
    return {
      type: 'function',
      function: { name, ...(description !== undefined && { description }), parameters, ...loose },
    }
  })
  const seen = new Set<string>()
  for (const [i, tool] of checked.entries()) {
    const { name } = tool.function
    if (seen.has(name)) throw new TypeError(`tools[${i}]: expected names to differ, received '${name}' twice`)
    seen.add(name)
  }
  return checked
}

/** Checked tools as the model sees them. */
export const shownTools = (tools: readonly FunctionTool[]): FunctionTool[] =>
  tools.map(({ type, function: { strict: _, ...shown } }) => ({ type, function: shown }))

/**
 * Those of the tools that the answer must call; undefined when it need not call any.
 * @throws TypeError when there are no tools, or none of the name
 */
export function requiredTools(
  tools: readonly FunctionTool[] | undefined,
  choice: ToolCallOptions['toolChoice'],
): readonly Tool[] | undefined {
  if (choice === undefined || choice === 'auto' || choice === 'none') return undefined
  const all = (tools ?? []).map((tool) => tool.function)
  const wanted = choice === 'required' ? all : all.filter(({ name }) => name === choice.name)
  if (wanted.length > 0) return wanted
  if (all.length === 0 || choice === 'required') {
    throw new TypeError('expected tools with a toolChoice that requires one, received none')
  }
  const names = all.map(({ name }) => `'${name}'`).join(' or ')
  throw new TypeError(`expected toolChoice.name to be ${names}, received ${check.describe(choice.name)}`)
}
