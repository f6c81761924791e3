import { grammarSchema, type JsonForm } from '../../grammar/json-schema.js'
import { escaped, larkText, upTo } from '../../grammar/lark.js'
import type { KnownTool } from './call-reader.js'

/** What the grammar of calls is made for. */
export interface WantedCalls {
  /** The tools that may be called, at least one. Their names need no escapes in JSON. */
  tools: readonly KnownTool[]
  /** Whether there may be more than one call. */
  parallel: boolean
  /** Whether calls stand somewhere in a text: the grammar is then of one stretch of them and of any text before it. */
  inText: boolean
  /** How Lark names a mark of the model. */
  mark(mark: string): string
  /** Whether a mark is a special token of the model. */
  isSpecial(mark: string): boolean
}

/** Calls as a family writes them. */
export interface CallRules {
  /** Lines of Lark with a rule `answer`: nothing but calls, or with `inText` one stretch of them. */
  rules: readonly string[]
  /** What begins calls in a text: each is made of marks of the model and of letters. */
  triggers: readonly (readonly string[])[]
  /** The same, where nothing but white space stands before it, and with white space in it. */
  openers?: readonly string[]
}

export type CallGrammar = (wanted: WantedCalls) => CallRules

/** As Python's `json.dumps` writes JSON, which is what models are trained on. */
export const spaced = { item_separator: ', ', key_separator: ': ' }

/**
 * The rule `call`: an object with the name of a tool and its arguments.
 * @param more Lark of what may stand behind these
 */
function objects(tools: readonly KnownTool[], key: 'arguments' | 'parameters', more = ''): string[] {
  const call = ({ name }: KnownTool, i: number) =>
    `${larkText(`{"name": "${name}", "${key}": `)} arguments_${i} ${more}${larkText('}')}`
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

/** @throws TypeError when the schema of a tool's arguments is not that of an object */
export function requireObject({ name, parameters = {} }: KnownTool): void {
  const { type = 'object' } = parameters as { type?: unknown }
  if (type === 'object') return
  throw new TypeError(`expected parameters.type of the tool ${name} to be 'object', received ${JSON.stringify(type)}`)
}

/**
 * The schema of a tool's arguments, an object. It has no keys beside `properties`, unless the schema speaks of others.
 * @throws TypeError as {@link requireObject}
 */
function argumentsSchema(tool: KnownTool): Record<string, unknown> {
  requireObject(tool)
  if (tool.strict === false) return { type: 'object' }
  const schema = (tool.parameters ?? {}) as { properties?: unknown; required?: unknown }
  const { properties, required } = schema
  const known = Object.keys(Object(properties))
  const needsOthers = Array.isArray(required) && required.some((key) => !known.includes(key))
  const open = needsOthers || aboutKeys.some((keyword) => Object.hasOwn(schema, keyword))
  return { ...schema, type: 'object', ...(!open && { additionalProperties: false }) }
}

/** Lark of what begins calls: the first of these marks, or in a text any of them. */
export function opening(
  { inText, mark, isSpecial }: WantedCalls,
  marks: readonly string[],
): [string, readonly string[]] {
  if (!inText) return [mark(marks[0] as string), []]
  const rules = marks.map((one, i) =>
    isSpecial(one) ? `opening_${i}: ${mark(one)}` : upTo(`opening_${i}`, escaped(one)),
  )
  return [`(${marks.map((_, i) => `opening_${i}`).join(' | ')})`, rules]
}

/** An object between marks, each call with its own. */
export const markedObjects =
  (begin: string, end: string): CallGrammar =>
  (wanted) => {
    const { tools, parallel, inText, mark } = wanted
    const [first, rules] = opening(wanted, [begin])
    return {
      rules: [
        `answer: marked${parallel && !inText ? ' ("\\n" marked)*' : ''}`,
        `marked: ${first} "\\n" call "\\n" ${mark(end)}`,
        ...rules,
        ...objects(tools, 'arguments'),
      ],
      triggers: [[begin]],
    }
  }

/** A list of objects behind a mark, the first of `begins` where only calls are written. */
export const listedObjects =
  (begins: readonly string[], end?: string): CallGrammar =>
  (wanted) => {
    const { tools, parallel, inText, mark } = wanted
    const [first, rules] = opening(wanted, begins)
    const last = end === undefined || inText ? '' : mark(end)
    return {
      rules: [`answer: ${first} list ${last}`, list(parallel), ...rules, ...objects(tools, 'arguments')],
      // A word that any text may hold begins calls only with the list.
      triggers: begins.map((begin) => (begin.startsWith('<') ? [begin] : [begin, '['])),
    }
  }

const list = (parallel: boolean): string => `list: "[" call${parallel ? ' (", " call)*' : ''} "]"`

/** Objects without a mark, parted by semicolons; in a text also behind one. */
export const bareObjects =
  (begin: string): CallGrammar =>
  (wanted) => {
    const { tools, parallel, inText } = wanted
    const rules = objects(tools, 'parameters')
    if (!inText) return { rules: [`answer: call${parallel ? ' ("; " call)*' : ''}`, ...rules], triggers: [] }
    const [marked, opened] = opening(wanted, [begin])
    const type = '("type"\\s*:\\s*"function"\\s*,\\s*)?'
    const named = tools.map(({ name }, i) => upTo(`named_${i}`, `\\{\\s*${type}"name"\\s*:\\s*"${escaped(name)}"`))
    const bare = tools.map((_, i) => `named_${i} ", \\"parameters\\": " arguments_${i} "}"`)
    return {
      rules: [`answer: ${marked} call | ${bare.join(' | ')}`, ...opened, ...named, ...rules],
      triggers: [[begin]],
      openers: tools.flatMap(({ name }) => [`{"name":"${name}"`, `{"type":"function","name":"${name}"`]),
    }
  }

const listedId = '(", \\"id\\": \\"" /[A-Za-z0-9]{9}/ "\\"")? '

/** Mistral's: a list, and a name with arguments where the model has the mark `[ARGS]`, which came with that form. Ids may stand in both. */
export const mistralCalls: CallGrammar = (wanted) => {
  const { tools, parallel, inText, mark, isSpecial } = wanted
  const begin = '[TOOL_CALLS]'
  const [first, rules] = opening(wanted, [begin])
  const triggers = [[begin]]
  if (!isSpecial('[ARGS]')) {
    return {
      rules: [`answer: ${first} " "? list`, list(parallel), ...rules, ...objects(tools, 'arguments', listedId)],
      triggers,
    }
  }
  const id = isSpecial('[CALL_ID]') ? `(${mark('[CALL_ID]')} /[A-Za-z0-9]{9}/)? ` : ''
  const call = ({ name }: KnownTool, i: number) => `${larkText(name)} ${id}${mark('[ARGS]')} arguments_${i}`
  return {
    rules: [
      `answer: named${parallel && !inText ? '+' : ''}`,
      `named: ${first} (${tools.map(call).join(' | ')})`,
      ...rules,
      ...schemas(tools, spaced),
    ],
    triggers,
  }
}

const eitherWay = { item_separator: ', ?', key_separator: ': ?' }

/** A message to a tool; the model's stop token `<|call|>` ends the answer behind one. The recipient may also stand before the channel. */
export const harmonyCall: CallGrammar = ({ tools, inText, mark }) => {
  const [start, channel, message] = [mark('<|start|>'), mark('<|channel|>'), mark('<|message|>')]
  const json = `${mark('<|constrain|>')}? "json" ${message}`
  const call = ({ name }: KnownTool, i: number) =>
    `${larkText(`commentary to=functions.${name} `)} ${json} arguments_${i}`
  const behind = `${channel} (${tools.map(call).join(' | ')})`
  const headed = ({ name }: KnownTool, i: number) =>
    `${larkText(`functions.${name}`)} ${channel} "commentary " ${json} arguments_${i}`
  if (!inText) {
    return {
      rules: [`answer: ${behind} | " to=" (${tools.map(headed).join(' | ')})`, ...schemas(tools, eitherWay)],
      triggers: [],
    }
  }
  return {
    rules: [
      `answer: ${behind} | (recipient | ${start} "assistant to=") (${tools.map(headed).join(' | ')})`,
      upTo('recipient', 'to='),
      ...schemas(tools, eitherWay),
    ],
    triggers: [
      ['<|channel|>', 'commentary to='],
      ['<|start|>', 'assistant to='],
    ],
    openers: ['to='],
  }
}
