import { grammarSchema } from '../../grammar/json-schema.js'
import { larkText } from '../../grammar/lark.js'
import { type CallGrammar, opening, spaced } from './call-grammar.js'
import type { KnownTool } from './call-reader.js'
import { type Argument, flatArguments, refusal } from './flat-arguments.js'
import { parameterEnd } from './xml-calls.js'

// Grammars of the families that write each argument by itself.

const json = (rule: string, schema: Readonly<Record<string, unknown>>): string =>
  `${rule}: %json ${JSON.stringify(grammarSchema(schema, { whitespace_flexible: false, ...spaced }))}`

/** Qwen3-Coder's: texts as they are, anything else as JSON. */
export const xmlCalls: CallGrammar = (wanted) => {
  const { tools, parallel, inText, mark } = wanted
  const [first, rules] = opening(wanted, ['<tool_call>'])
  const calls = tools.flatMap((tool, i) => {
    if (tool.strict === false) {
      return [
        `call_${i}: ${larkText(`<function=${tool.name}>\n`)} argument_${i}* "</function>"`,
        `argument_${i}: "<parameter=" /[^<>\\r\\n]+/ ">\\n" TEXT_${i}`,
        xmlText(`TEXT_${i}`, '(?s:.*)'),
      ]
    }
    const given = flatArguments(tool, /^[^<>\r\n]+$/)
    const parts = given.map(({ required }, k) => `argument_${i}_${k}${required ? '' : '?'}`)
    return [
      `call_${i}: ${larkText(`<function=${tool.name}>\n`)} ${parts.join(' ')} "</function>"`,
      ...given.flatMap((one, k) => xmlArgument(tool, one, `${i}_${k}`)),
    ]
  })
  const body = `"\\n" (${tools.map((_, i) => `call_${i}`).join(' | ')}) "\\n" ${mark('</tool_call>')}`
  return {
    rules: [
      `answer: marked${parallel && !inText ? ' ("\\n" marked)*' : ''}`,
      `marked: ${first} ${body}`,
      ...rules,
      ...calls,
    ],
    triggers: [['<tool_call>']],
  }
}

function xmlArgument(tool: KnownTool, { name, schema }: Argument, id: string): string[] {
  const begin = larkText(`<parameter=${name}>\n`)
  if (schema.type !== 'string') {
    return [`argument_${id}: ${begin} value_${id} "\\n</parameter>\\n"`, json(`value_${id}`, schema)]
  }
  const choices = choicesOf(schema)
  if (choices !== undefined) {
    const texts = choices.filter((one) => !parameterEnd.test(one))
    if (texts.length === 0) throw refusal(tool, `.properties.${name}.enum`, 'it has no text that can be written')
    return [`argument_${id}: ${begin} (${texts.map(larkText).join(' | ')}) "\\n</parameter>\\n"`]
  }
  const { minLength = 0, maxLength = '', pattern } = schema
  if (pattern !== undefined) throw refusal(tool, `.properties.${name}.pattern`, 'texts are written as they are')
  return [`argument_${id}: ${begin} TEXT_${id}`, xmlText(`TEXT_${id}`, `(?s:.{${minLength},${maxLength}})`)]
}

/** A text and the end behind it. The text may hold the letters of the end, but not what a reader takes for the end. */
const xmlText = (rule: string, text: string): string =>
  `${rule}: /${text}\\n<\\/parameter>\\n/ & ~/(?s:.*)\\n<\\/parameter>\\n(?s:.+)/ & ~/(?s:.*)<\\/parameter>[ \\t\\r\\n]*<(parameter=|\\/function>)(?s:.*)/`

/** LFM2's: calls of Python, whose values are written as JSON but for `True`, `False` and `None`. */
export const pythonCalls: CallGrammar = (wanted) => {
  const { tools, parallel, inText, mark } = wanted
  const [first, rules] = opening(wanted, ['<|tool_call_start|>'])
  const calls = tools.flatMap((tool, i) => {
    if (tool.strict === false) {
      return [
        `call_${i}: ${larkText(`${tool.name}(`)} (any_${i} (", " any_${i})*)? ")"`,
        `any_${i}: /[A-Za-z0-9_.-]+/ "=" any_value_${i}`,
        json(`any_value_${i}`, {}),
      ]
    }
    const given = flatArguments(tool, /^[\w.-]+$/)
    const begin = (k: number) => (k === given.length ? '""' : `first_${i}_${k}`)
    return [
      `call_${i}: ${larkText(`${tool.name}(`)} ${begin(0)} ")"`,
      ...given.flatMap(({ name, required, schema }, k) => [
        // The first one that is written has no comma before it.
        `first_${i}_${k}: argument_${i}_${k} rest_${i}_${k + 1}${required ? '' : ` | ${begin(k + 1)}`}`,
        `rest_${i}_${k}: ${required ? `", " argument_${i}_${k}` : `(", " argument_${i}_${k})?`} rest_${i}_${k + 1}`,
        `argument_${i}_${k}: ${larkText(`${name}=`)} value_${i}_${k}`,
        ...pythonValue(`value_${i}_${k}`, schema),
      ]),
      `rest_${i}_${given.length}: ""`,
    ]
  })
  const list = `"[" call${parallel ? ' (", " call)*' : ''} "]"`
  return {
    rules: [
      `answer: ${first} ${list} ${inText ? '' : mark('<|tool_call_end|>')}`,
      `call: ${tools.map((_, i) => `call_${i}`).join(' | ')}`,
      ...rules,
      ...calls,
    ],
    triggers: [['<|tool_call_start|>']],
  }
}

function pythonValue(rule: string, schema: Readonly<Record<string, unknown>>): string[] {
  if (schema.type === 'boolean' && schema.enum === undefined && schema.const === undefined) {
    return [`${rule}: "True" | "False"`]
  }
  if (schema.type === 'null') return [`${rule}: "None"`]
  const quoted = schema.type === 'string' ? singlyQuoted(schema) : undefined
  if (quoted === undefined) return [json(rule, schema)]
  return [`${rule}: ${rule}_json | ${quoted}`, json(`${rule}_json`, schema)]
}

/** Lark of a text in single quotes, without escapes; undefined where none can be in them. */
function singlyQuoted(schema: Readonly<Record<string, unknown>>): string | undefined {
  const { minLength = 0, maxLength = '', pattern, format } = schema
  const choices = choicesOf(schema)
  if (choices === undefined) {
    return pattern === undefined && format === undefined
      ? `/'[^'\\\\\\x00-\\x1f\\x7f]{${minLength},${maxLength}}'/`
      : undefined
  }
  const texts = choices.filter((one) => /^[^'\\\p{Cc}]*$/u.test(one))
  return texts.length === 0 ? undefined : texts.map((one) => larkText(`'${one}'`)).join(' | ')
}

/** What a text may be, where its schema says so one by one. */
function choicesOf(schema: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const])
  return Array.isArray(choices) ? choices.filter((one) => typeof one === 'string') : undefined
}
