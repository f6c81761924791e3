import { LLMError } from '../../errors.js'
import { requireObject } from './call-grammar.js'
import type { KnownTool } from './call-reader.js'

/** An argument of a tool. */
export interface Argument {
  name: string
  required: boolean
  /** A document of its own: what it refers to is in it. */
  schema: Readonly<Record<string, unknown>>
}

/** Keywords of the arguments' schema that say nothing of single arguments, or nothing at all. */
const harmless = [
  'type',
  'properties',
  'required',
  'additionalProperties',
  '$defs',
  'definitions',
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'x-guidance',
]

/** What is wrong with a tool for these families. @param path of the keyword below `parameters` */
export const refusal = (tool: KnownTool, path: string, why: string): LLMError =>
  new LLMError(
    'ERR_GRAMMAR',
    `tool ${tool.name}: parameters${path} is not supported in this format of tool calls: ${why}`,
  )

/**
 * The arguments of a tool one by one, for families that write each by itself. Others than `properties` are never written.
 * @param allowed what the name of an argument may be
 * @throws LLMError ERR_GRAMMAR that names the tool and the keyword
 */
export function flatArguments(tool: KnownTool, allowed: RegExp): Argument[] {
  const schema = (tool.parameters ?? {}) as Record<string, unknown>
  const unknown = Object.keys(schema).find((key) => !harmless.includes(key))
  if (unknown !== undefined) throw refusal(tool, `.${unknown}`, 'each argument is written by itself')
  requireObject(tool)
  const { properties = {}, required = [], $defs, definitions } = schema
  const wanted = Array.isArray(required) ? required : []
  const known = Object.entries(Object(properties) as Record<string, unknown>)
  const missing = wanted.find((key) => !known.some(([name]) => name === key))
  if (missing !== undefined) throw refusal(tool, `.required ${JSON.stringify(missing)}`, 'it is none of the properties')
  return known.flatMap(([name, given]): Argument[] => {
    if (!allowed.test(name)) throw refusal(tool, `.properties ${JSON.stringify(name)}`, 'a name that cannot be written')
    const needed = wanted.includes(name)
    if (given === false && !needed) return []
    const own = given === true ? {} : given
    if (typeof own !== 'object' || own === null) throw refusal(tool, `.properties.${name}`, 'it is no schema')
    return [
      {
        name,
        required: needed,
        schema: { ...own, ...($defs !== undefined && { $defs }), ...(definitions !== undefined && { definitions }) },
      },
    ]
  })
}
