import type { Grammar } from '../engine/boundary.js'
import { grammarSchema } from '../grammar/json-schema.js'
import { escaped, larkText, upTo } from '../grammar/lark.js'
import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { jsonSchemaOf, type ResponseFormat } from '../options/response-format.js'
import { requiredTools, toolDefaults } from '../options/tools.js'
import { opensReasoning, reasoningFormats } from '../output/formats/reasoning.js'
import { callGrammar, writesOneCall } from '../output/formats/tool-calls.js'
import type { AnswerFormat } from './answer-parsers.js'
import { gbnfToLark } from './gbnf/to-lark.js'
import { isSpecial, type MarkedText, markOf } from './marked-text.js'

/**
 * What an answer must conform to: its format or calls of tools, behind reasoning that is free. Undefined when it may be anything.
 * @param rendered the prompt as the model sees it
 * @param continued the text of the last message when the answer continues that
 * @throws LLMError ERR_GRAMMAR
 */
export function answerGrammar(
  text: MarkedText,
  { reasoning, calls }: AnswerFormat,
  options: GenerationOptions,
  rendered: string,
  continued?: string,
): Grammar | undefined {
  const { responseFormat: format } = options
  const mark = markOf(text)
  const required = callsOf(text, calls, options)
  if (required === undefined && format === undefined) return undefined
  if (reasoning === 'none') return required ? lark(['start: answer', ...required]) : plain(format as ResponseFormat)
  const answer = required ?? [larkOf(format as ResponseFormat)]
  const own = format && ownGrammar(format)
  const bound = (lines: readonly string[]): Grammar => (own === undefined ? lark(lines) : withOwn(lines, own))
  if (reasoning === 'harmony') {
    // The prompt has begun the body of the message that is continued.
    if (continued !== undefined) return bound(['start: answer', ...answer])
    const [channel, message] = [mark('<|channel|>'), mark('<|message|>')]
    return bound([
      `start: (thoughts ${mark('<|start|>')} "assistant")? ${required ? 'answer' : 'final'}`,
      `thoughts: ${channel} "analysis" ${message} thought`,
      upToMark(text, 'thought', '<|end|>'),
      ...(required ? [] : [`final: ${channel} "final" (" "? ${mark('<|constrain|>')} "json")? ${message} answer`]),
      ...answer,
    ])
  }
  const { begin, end, title = '' } = reasoningFormats[reasoning]
  const inside = opensReasoning(reasoningFormats[reasoning], rendered, continued)
  const opening = `${mark(begin)} ${title === '' ? '' : JSON.stringify(title)}`
  return bound([
    inside ? 'start: thoughts SPACE answer' : `start: (${opening} thoughts SPACE)? answer`,
    upToMark(text, 'thoughts', end),
    'SPACE: /\\n{0,2}/',
    ...answer,
  ])
}

/** A rule of any text up to a mark, and the mark. */
const upToMark = (text: MarkedText, rule: string, end: string): string =>
  isSpecial(text, end) ? `${rule}: /(?s:.*)/ ${markOf(text)(end)}` : upTo(rule, escaped(end))

/** The rule `answer` and those that it needs, of an answer that must call tools. */
function callsOf(
  text: MarkedText,
  calls: AnswerFormat['calls'],
  options: GenerationOptions,
): readonly string[] | undefined {
  const { toolChoice, parallelToolCalls = toolDefaults.parallelToolCalls } = options
  const tools = requiredTools(toolsOf(options), toolChoice)
  if (tools === undefined || calls === undefined) return undefined
  const wanted = {
    tools,
    parallel: parallelToolCalls && !writesOneCall(calls),
    inText: false,
    mark: markOf(text),
    isSpecial: (one: string) => isSpecial(text, one),
  }
  return callGrammar(calls)(wanted).rules
}

/** A grammar in a format that is a language of its own. */
function ownGrammar(format: ResponseFormat): string | undefined {
  if (format.type === 'gbnf') return gbnfToLark(format.grammar)
  return format.type === 'lark' ? format.grammar : undefined
}

/** Lark whose `@own` is a grammar by itself: its rules have names of their own. */
const withOwn = (lines: readonly string[], own: string): Grammar => ({
  kind: 'llguidance',
  source: JSON.stringify({ grammars: [{ lark_grammar: lark(lines).source }, { name: 'own', lark_grammar: own }] }),
})

export const lark = (lines: readonly string[]): Grammar => ({ kind: 'lark', source: `${lines.join('\n')}\n` })

function plain(format: ResponseFormat): Grammar {
  switch (format.type) {
    case 'json':
    case 'json_schema':
      return { kind: 'json_schema', source: JSON.stringify(schemaOf(format)) }
    case 'regex':
      return { kind: 'regex', source: format.pattern }
    case 'choice':
      return lark([larkOf(format).replace(/^answer/, 'start')])
    case 'lark':
    case 'gbnf':
      return { kind: 'lark', source: ownGrammar(format) as string }
  }
}

/** The rule `answer`. */
function larkOf(format: ResponseFormat): string {
  switch (format.type) {
    case 'json':
    case 'json_schema':
      return `answer: %json ${JSON.stringify(schemaOf(format))}`
    case 'regex':
      return `answer: /${format.pattern.replaceAll('/', '\\/').replaceAll('\n', '\\n')}/`
    case 'choice':
      return `answer: ${format.choices.map(larkText).join(' | ')}`
    case 'lark':
    case 'gbnf':
      return 'answer: @own'
  }
}

function schemaOf(format: Extract<ResponseFormat, { type: 'json' | 'json_schema' }>): Record<string, unknown> {
  const schema = format.type === 'json' ? { type: 'object' } : jsonSchemaOf(format.schema)
  return grammarSchema(schema, format.whitespace === 'any' ? {} : { whitespace_flexible: false })
}
