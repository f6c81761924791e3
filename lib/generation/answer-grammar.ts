import { LLMError } from '../errors.js'
import { grammarSchema } from '../grammar/json-schema.js'
import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { jsonSchemaOf, type ResponseFormat } from '../options/response-format.js'
import { requiredTools, toolDefaults } from '../options/tools.js'
import { opensReasoning, reasoningFormats } from '../output/formats/reasoning.js'
import { callGrammar } from '../output/formats/tool-calls.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { AnswerFormat } from './answer-parsers.js'

/** What an answer must conform to, as the engine is to get it. */
export interface Grammar {
  /** How `source` is written: JSON Schema as JSON text, a regular expression of Rust's crate regex, or llguidance's variant of Lark. */
  kind: 'json_schema' | 'regex' | 'lark'
  source: string
}

/** What a grammar needs to name the marks of a model. */
type Marks = Pick<TextWorker, 'addedTokenId' | 'tokens'>

/**
 * What an answer must conform to: its format or calls of tools, behind reasoning that is free. Undefined when it may be anything.
 * @param rendered the prompt as the model sees it
 * @throws TypeError when calls are required in a format that has no grammar
 */
export function answerGrammar(
  text: Marks,
  { reasoning, calls }: AnswerFormat,
  options: GenerationOptions,
  rendered: string,
): Grammar | undefined {
  const { responseFormat: format } = options
  const mark = markOf(text)
  const required = callsOf(text, calls, options)
  if (required === undefined && format === undefined) return undefined
  if (reasoning === 'none') return required ? lark(['start: answer', ...required]) : plain(format as ResponseFormat)
  const answer = required ?? [larkOf(format as ResponseFormat)]
  if (reasoning === 'harmony') {
    const [channel, message] = [mark('<|channel|>'), mark('<|message|>')]
    return lark([
      `start: (thoughts ${mark('<|start|>')} "assistant")? ${required ? 'answer' : 'final'}`,
      `thoughts: ${channel} "analysis" ${message} thought`,
      upTo(text, 'thought', '<|end|>'),
      ...(required ? [] : [`final: ${channel} "final" (" "? ${mark('<|constrain|>')} "json")? ${message} answer`]),
      ...answer,
    ])
  }
  const { begin, end, title = '' } = reasoningFormats[reasoning]
  const inside = opensReasoning(reasoningFormats[reasoning], rendered)
  const opening = `${mark(begin)} ${title === '' ? '' : JSON.stringify(title)}`
  return lark([
    inside ? 'start: thoughts SPACE answer' : `start: (${opening} thoughts SPACE)? answer`,
    upTo(text, 'thoughts', end),
    'SPACE: /\\n{0,2}/',
    ...answer,
  ])
}

/** A rule of any text up to a mark, and the mark. */
const upTo = (text: Marks, rule: string, end: string): string =>
  isSpecial(text, end) ? `${rule}: /(?s:.*)/ ${markOf(text)(end)}` : `${rule}[lazy]: /(?s:.*)${escaped(end)}/`

/** The rule `answer` and those that it needs, of an answer that must call tools. */
function callsOf(text: Marks, calls: AnswerFormat['calls'], options: GenerationOptions): readonly string[] | undefined {
  const { toolChoice, parallelToolCalls = toolDefaults.parallelToolCalls } = options
  const tools = requiredTools(toolsOf(options), toolChoice)
  if (tools === undefined || calls === undefined) return undefined
  const grammar = callGrammar(calls)
  if (grammar === undefined) {
    const received = typeof toolChoice === 'string' ? `'${toolChoice}'` : 'the name of a tool'
    throw new TypeError(
      `expected toolChoice to be 'auto' or 'none' with tool calls as ${calls} writes them, received ${received}: no call can be required there`,
    )
  }
  const wanted = {
    tools,
    parallel: parallelToolCalls,
    mark: markOf(text),
    isSpecial: (one: string) => isSpecial(text, one),
  }
  return grammar(wanted)
}

const lark = (lines: readonly string[]): Grammar => ({ kind: 'lark', source: `${lines.join('\n')}\n` })

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
      return { kind: 'lark', source: format.grammar }
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
      return `answer: ${format.choices.map((choice) => JSON.stringify(choice)).join(' | ')}`
    case 'lark':
      throw new LLMError(
        'ERR_GRAMMAR',
        "responseFormat of type 'lark' is not supported with a model that reasons first: reasoningParser: 'none' makes the grammar that of everything the model writes",
      )
  }
}

function schemaOf(format: Extract<ResponseFormat, { type: 'json' | 'json_schema' }>): Record<string, unknown> {
  const schema = format.type === 'json' ? { type: 'object' } : jsonSchemaOf(format.schema)
  return grammarSchema(schema, format.whitespace === 'any' ? {} : { whitespace_flexible: false })
}

const isSpecial = (text: Marks, mark: string): boolean => text.tokens.special[text.addedTokenId(mark) ?? -1] === 1

/** How Lark names a mark: a special token by its id, any other by its letters. */
function markOf(text: Marks): (mark: string) => string {
  return (mark) => (isSpecial(text, mark) ? `<[${text.addedTokenId(mark)}]>` : JSON.stringify(mark))
}

const escaped = (word: string): string => word.replace(/[/.*+?^${}()|[\]\\]/g, '\\$&')
