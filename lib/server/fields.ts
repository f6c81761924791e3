import { type GenerationOptions, generationTable } from '../options/generation.js'
import type { ResponseFormat } from '../options/response-format.js'
import * as check from '../options/rules.js'
import { ApiError } from './api-error.js'
import type { Limits } from './limits.js'
import type { NamedModel } from './models.js'

/** A field of a request that is an option of an answer under another name. */
export interface Field extends check.Rule {
  option: keyof GenerationOptions
  /** The option's value, where that is another one. */
  value?(value: never): unknown
}

export const as = (option: keyof GenerationOptions, other: Partial<Field> = {}): Field => ({
  ...(generationTable[option] as check.Rule),
  option,
  ...other,
})

const stop = check.either(check.string, check.listOf(check.string, 16))
const topK = check.integer(-1)
const seed = check.integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
const penalty = check.number('from -2 to 2', (value) => value >= -2 && value <= 2)
const bias: check.Rule = {
  expected: 'an object of token ids with biases from -100 to 100',
  accepts: (value) =>
    check.object.accepts(value) &&
    generationTable.logitBias.accepts(value) &&
    Object.values(value as object).every((each) => Math.abs(each) <= 100),
}

/** Fields of /v1/chat/completions and /v1/completions, in OpenAI's names, and in vLLM's where OpenAI has none. */
const answerFields: Readonly<Record<string, Field>> = {
  max_tokens: as('maxNewTokens'),
  temperature: as('temperature'),
  top_p: as('topP'),
  n: as('numReturnSequences'),
  stop: as('stop', stop),
  seed: as('seed', { ...seed, value: (value: number) => Number(BigInt.asUintN(32, BigInt(value))) }),
  presence_penalty: as('presencePenalty', penalty),
  frequency_penalty: as('frequencyPenalty', penalty),
  logit_bias: as('logitBias', bias),
  top_k: as('topK', { ...topK, value: (value: number) => Math.max(value, 0) }),
  min_p: as('minP'),
  repetition_penalty: as('repetitionPenalty'),
  min_tokens: as('minNewTokens'),
  stop_token_ids: as('stopTokenIds'),
  ignore_eos: as('ignoreEos'),
  skip_special_tokens: as('skipSpecialTokens'),
  priority: as('priority'),
}

const choices = ['auto', 'none', 'required']
const toolChoice: check.Rule = {
  expected: "'auto', 'none', 'required' or { type: 'function', function: { name } }",
  accepts: (value) => choices.includes(value as string) || typeof chosenName(value) === 'string',
}
const chosenName = (value: unknown): unknown => {
  // The Responses API has the name itself, chats have it below `function`.
  const { name, function: nested } = (value ?? {}) as { name?: unknown; function?: { name?: unknown } }
  return nested?.name ?? name
}
/** OpenAI's `response_format`, and `text.format` of the Responses API, which has the schema beside its name. */
const format: check.Rule = {
  expected: "{ type: 'text' }, { type: 'json_object' } or { type: 'json_schema', json_schema: { name, schema } }",
  accepts: (value) => {
    const { type } = (value ?? {}) as { type?: unknown }
    return (
      type === 'text' || type === 'json_object' || (type === 'json_schema' && check.object.accepts(schemaOf(value)))
    )
  },
}
const schemaOf = (value: unknown): unknown => {
  const { schema, json_schema: nested } = value as { schema?: unknown; json_schema?: { schema?: unknown } }
  return nested?.schema ?? schema
}
function formatOf(value: { type: string }): ResponseFormat | undefined {
  if (value.type === 'text') return undefined
  if (value.type === 'json_object') return { type: 'json' }
  return { type: 'json_schema', schema: schemaOf(value) as Record<string, unknown> }
}

const efforts: Readonly<Record<string, string>> = { none: 'off', minimal: 'off', xhigh: 'high', max: 'high' }

/** Fields of chats beside those. */
const chatFields: Readonly<Record<string, Field>> = {
  max_completion_tokens: as('maxNewTokens'),
  add_generation_prompt: as('addGenerationPrompt'),
  continue_final_message: as('continueFinalMessage'),
  chat_template_kwargs: as('chatTemplateKwargs'),
  tools: as('tools'),
  tool_choice: as('toolChoice', {
    ...toolChoice,
    value: (value: unknown) => (typeof value === 'string' ? value : { name: chosenName(value) }),
  }),
  parallel_tool_calls: as('parallelToolCalls'),
  response_format: as('responseFormat', { ...format, value: formatOf }),
  reasoning_effort: as('reasoning', {
    ...check.oneOf(...Object.keys(efforts), 'low', 'medium', 'high'),
    value: (value: string) => efforts[value] ?? value,
  }),
}

/** What OpenAI takes and what changes nothing here, and what is read for every request. */
const others = [
  'model',
  'stream',
  'stream_options',
  'user',
  'metadata',
  'store',
  'service_tier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
  // It would only make the answer come sooner.
  'prediction',
]

/** The fields of one kind of request. */
export interface FieldSet {
  fields: Readonly<Record<string, Field>>
  /** Names of further ones: those that change nothing, and those that are read elsewhere. */
  others: readonly string[]
}

/** Of a text completion. */
export const textRequest: FieldSet = { fields: answerFields, others }

/** Of a chat. */
export const chatRequest: FieldSet = { fields: { ...answerFields, ...chatFields }, others }

/** The options that a field of the HTTP API stands for, by their names in TypeScript. */
export const fieldNames: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...chatFields, ...answerFields }).map(([field, { option }]) => [option, field]),
)

/** A checked request. */
export interface AnswerRequest {
  options: GenerationOptions
  stream: boolean
  includeUsage: boolean
}

/**
 * The options of an answer that a request asks for. What is null counts as absent, as with OpenAI.
 * @param own further fields, which the caller reads
 * @throws ApiError 400 for a field that is wrong or unknown
 */
export function answerRequest(
  body: Readonly<Record<string, unknown>>,
  { fields, others }: FieldSet,
  own: readonly string[],
  named: NamedModel,
  { maxN }: Limits,
): AnswerRequest {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(body)) {
    if (value === null || value === undefined || own.includes(name) || others.includes(name)) continue
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (!field) {
      const known = [...Object.keys(fields), ...own, ...others]
      throw new ApiError(400, `unknown field ${name.slice(0, 100)}${check.didYouMean(name, known)}`, {
        param: name,
        code: 'unknown_parameter',
      })
    }
    expectField(name, value, field)
    options[field.option] = field.value ? field.value(value as never) : value
  }
  const { n = 1 } = body
  if ((n as number) > maxN) throw ApiError.invalid('n', `expected n to be at most ${maxN}, received ${n}`)
  const stream = readField(body, 'stream', check.boolean) ?? false
  return {
    options: { numReturnSequences: 1, ...samplingDefaults(named, options), ...options },
    stream: stream as boolean,
    includeUsage: readIncludeUsage(body, stream as boolean),
  }
}

/** One field, undefined when it is absent or null. @throws ApiError 400 */
export function readField(body: Readonly<Record<string, unknown>>, name: string, rule: check.Rule): unknown {
  const value = body[name] ?? undefined
  if (value !== undefined) expectField(name, value, rule)
  return value
}

function expectField(name: string, value: unknown, rule: check.Rule): void {
  if (rule.accepts(value)) return
  throw ApiError.invalid(name, `expected ${name} to be ${rule.expected}, received ${check.describe(value)}`)
}

/**
 * OpenAI samples at temperature 1 from all tokens. What somebody has set for the model comes before that; what this package does when nobody
 * has does not.
 */
function samplingDefaults({ defaults }: NamedModel, asked: GenerationOptions): GenerationOptions {
  const { temperature = defaults.doSample === false ? 0 : 1 } = defaults
  const samples = (asked.temperature ?? temperature) > 0
  return {
    ...(asked.temperature === undefined && { temperature }),
    ...(samples && { topK: defaults.topK ?? 0 }),
  }
}

function readIncludeUsage(body: Readonly<Record<string, unknown>>, stream: boolean): boolean {
  const options = readField(body, 'stream_options', check.object) as Record<string, unknown> | undefined
  if (options === undefined) return false
  if (!stream) throw ApiError.invalid('stream_options', 'expected stream to be true with stream_options')
  return (readField(options, 'include_usage', check.boolean) ?? false) as boolean
}
