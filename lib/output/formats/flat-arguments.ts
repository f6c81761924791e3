import { LLMError } from '../../errors.js'
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

/**
 * The arguments of a tool one by one, for families that write each by itself. Others than `properties` are never written.
 * @param allowed what the name of an argument may be
 * @throws LLMError ERR_GRAMMAR that names the tool and the keyword
 */
export function flatArguments({ name: tool, parameters = {} }: KnownTool, allowed: RegExp): Argument[] {
  const schema = parameters as Record<string, unknown>
  const refuse = (path: string, why: string): LLMError =>
    new LLMError('ERR_GRAMMAR', `tool ${tool}: parameters${path} is not supported in this format of tool calls: ${why}`)
  const unknown = Object.keys(schema).find((key) => !harmless.includes(key))
  if (unknown !== undefined) throw refuse(`.${unknown}`, 'each argument is written by itself')
  const { type = 'object', properties = {}, required = [], $defs, definitions } = schema
  if (type !== 'object') {
    throw new TypeError(`expected parameters.type of the tool ${tool} to be 'object', received ${JSON.stringify(type)}`)
  }
  const wanted = Array.isArray(required) ? required : []
  const known = Object.entries(Object(properties) as Record<string, unknown>)
  const missing = wanted.find((key) => !known.some(([name]) => name === key))
  if (missing !== undefined) throw refuse(`.required ${JSON.stringify(missing)}`, 'it is none of the properties')
  return known.flatMap(([name, given]): Argument[] => {
    if (!allowed.test(name)) throw refuse(`.properties ${JSON.stringify(name)}`, 'a name that cannot be written')
    const needed = wanted.includes(name)
    if (given === false && !needed) return []
    const own = given === true ? {} : given
    if (typeof own !== 'object' || own === null) throw refuse(`.properties.${name}`, 'it is no schema')
    return [
      {
        name,
        required: needed,
        schema: { ...own, ...($defs !== undefined && { $defs }), ...(definitions !== undefined && { definitions }) },
      },
    ]
  })
}
