import { grammarSchema, type JsonForm } from '../../grammar/json-schema.js'
import type { KnownTool } from './call-reader.js'

/** What the grammar of calls is made for. */
export interface WantedCalls {
  /** The tools that may be called, at least one. Their names need no escapes in JSON. */
  tools: readonly KnownTool[]
  /** Whether there may be more than one call. */
  parallel: boolean
  /** How Lark names a mark of the model. */
  mark(mark: string): string
  /** Whether a mark is a special token of the model. */
  isSpecial(mark: string): boolean
}

/** Lines of Lark with a rule `answer`: nothing but calls, as a family writes them. */
export type CallGrammar = (wanted: WantedCalls) => readonly string[]

/** As Python's `json.dumps` writes JSON, which is what models are trained on. */
const spaced = { item_separator: ', ', key_separator: ': ' }

const quoted = (text: string): string => JSON.stringify(text)

/** The rule `call`: an object with the name of a tool and its arguments. */
function objects(tools: readonly KnownTool[], key: 'arguments' | 'parameters'): string[] {
  const call = ({ name }: KnownTool, i: number) =>
    `${quoted(`{"name": "${name}", "${key}": `)} arguments_${i} ${quoted('}')}`
  return [`call: ${tools.map(call).join(' | ')}`, ...schemas(tools, spaced)]
}

/** The rules `arguments_0`, …: the arguments of each tool. Each is a document of its own, so that a `$ref` leads where it did. */
function schemas(tools: readonly KnownTool[], spaces: JsonForm = {}): string[] {
  const form = { whitespace_flexible: false, ...spaces }
  return tools.map((tool, i) => `arguments_${i}: %json ${JSON.stringify(grammarSchema(argumentsSchema(tool), form))}`)
}

/** Keywords that may speak of keys beside `properties`. */
const aboutKeys = [
  'additionalProperties',
  'unevaluatedProperties',
  'patternProperties',
  'propertyNames',
  'minProperties',
  '$ref',
  '$dynamicRef',
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  'dependentSchemas',
]

/**
 * The schema of a tool's arguments, an object. It has no keys beside `properties`, unless the schema speaks of others.
 * @throws TypeError when the schema is not that of an object
 */
function argumentsSchema({ name, parameters = {} }: KnownTool): Record<string, unknown> {
  const schema = parameters as { type?: unknown; properties?: unknown; required?: unknown }
  const { type = 'object', properties, required } = schema
  if (type !== 'object') {
    throw new TypeError(`expected parameters.type of the tool ${name} to be 'object', received ${JSON.stringify(type)}`)
  }
  const known = Object.keys(Object(properties))
  const needsOthers = Array.isArray(required) && required.some((key) => !known.includes(key))
  const open = needsOthers || aboutKeys.some((keyword) => Object.hasOwn(schema, keyword))
  return { ...schema, type, ...(!open && { additionalProperties: false }) }
}

/** An object between marks, each call with its own. */
export const markedObjects =
  (begin: string, end: string): CallGrammar =>
  ({ tools, parallel, mark }) => [
    `answer: marked${parallel ? ' ("\\n" marked)*' : ''}`,
    `marked: ${mark(begin)} "\\n" call "\\n" ${mark(end)}`,
    ...objects(tools, 'arguments'),
  ]

/** A list of objects behind a mark. */
export const listedObjects =
  (begin: string, end?: string): CallGrammar =>
  ({ tools, parallel, mark }) => [
    `answer: ${mark(begin)} list ${end === undefined ? '' : mark(end)}`,
    list(parallel),
    ...objects(tools, 'arguments'),
  ]

const list = (parallel: boolean): string => `list: "[" call${parallel ? ' (", " call)*' : ''} "]"`

/** Objects without a mark, parted by semicolons. */
export const bareObjects: CallGrammar = ({ tools, parallel }) => [
  `answer: call${parallel ? ' ("; " call)*' : ''}`,
  ...objects(tools, 'parameters'),
]

/** Mistral's: a list, and a name with arguments where the model has the mark `[ARGS]`, which came with that form. */
export const mistralCalls: CallGrammar = ({ tools, parallel, mark, isSpecial }) => {
  const begin = mark('[TOOL_CALLS]')
  if (!isSpecial('[ARGS]')) return [`answer: ${begin} " "? list`, list(parallel), ...objects(tools, 'arguments')]
  const call = ({ name }: KnownTool, i: number) => `${quoted(name)} ${mark('[ARGS]')} arguments_${i}`
  return [
    `answer: named${parallel ? '+' : ''}`,
    `named: ${begin} (${tools.map(call).join(' | ')})`,
    ...schemas(tools, spaced),
  ]
}

/** A message to a tool; the model's stop token `<|call|>` ends the answer behind one. */
export const harmonyCall: CallGrammar = ({ tools, mark }) => {
  const call = ({ name }: KnownTool, i: number) =>
    `${quoted(`commentary to=functions.${name} `)} ${mark('<|constrain|>')} "json" ${mark('<|message|>')} arguments_${i}`
  return [`answer: ${mark('<|channel|>')} (${tools.map(call).join(' | ')})`, ...schemas(tools)]
}
