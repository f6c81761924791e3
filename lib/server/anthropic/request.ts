import type { GenerationOptions } from '../../options/generation.js'
import * as check from '../../options/rules.js'
import type { Tool } from '../../options/tools.js'
import type { ChatMessage } from '../../text/template/messages.js'
import { ApiError } from '../api-error.js'
import { as, type FieldSet, readField } from '../fields.js'
import type { NamedModel } from '../models.js'
import { thinkingOn } from '../thinking.js'

type Fields = Readonly<Record<string, unknown>>

/** Fields of /v1/messages. */
export const messageRequest: FieldSet = {
  fields: {
    max_tokens: as('maxNewTokens'),
    stop_sequences: as('stop', check.listOf(check.string, 64)),
    temperature: as('temperature'),
    top_p: as('topP'),
    top_k: as('topK'),
  },
  // Those that are read here, then those that concern Anthropic's machines or its cache.
  others: [
    ...['model', 'messages', 'system', 'stream', 'tools', 'tool_choice', 'thinking', 'output_config'],
    ...['metadata', 'service_tier', 'cache_control', 'container', 'context_management', 'diagnostics'],
    ...['inference_geo', 'speed'],
  ],
}

/**
 * The options of a request that are more than a field under another name.
 * @throws ApiError 400
 */
export function messageOptions(body: Fields, messages: readonly ChatMessage[], named: NamedModel): GenerationOptions {
  const last = messages.at(-1)
  return {
    ...toolOptions(body),
    ...thinkingOptions(body, named),
    ...formatOptions(body),
    // A client puts words into the model's mouth.
    ...(last?.role === 'assistant' && !last.tool_calls && { continueFinalMessage: true }),
  }
}

/** The tools of a request. Those that Anthropic runs itself mean nothing here and are left out. */
function toolsOf(body: Fields): Tool[] {
  const tools = (readField(body, 'tools', check.array) ?? []) as (Fields | null)[]
  return tools.flatMap((tool, i) => {
    if (!check.object.accepts(tool)) {
      throw ApiError.invalid('tools', `tools[${i}]: expected an object, received ${check.describe(tool)}`)
    }
    const { type = 'custom', name, description, input_schema: parameters } = tool as Fields
    if (type !== null && type !== 'custom') return []
    return [
      { name, ...(description !== undefined && { description }), ...(parameters !== undefined && { parameters }) },
    ]
  }) as Tool[]
}

const choices: Readonly<Record<string, GenerationOptions['toolChoice']>> = {
  auto: 'auto',
  any: 'required',
  none: 'none',
}

function toolOptions(body: Fields): GenerationOptions {
  const tools = toolsOf(body)
  const choice = readField(body, 'tool_choice', check.object) as Fields | undefined
  if (tools.length === 0) return {}
  if (choice === undefined) return { tools }
  const { type, name } = choice
  const known = Object.hasOwn(choices, String(type))
  if (!known && (type !== 'tool' || typeof name !== 'string')) {
    throw ApiError.invalid(
      'tool_choice',
      `expected tool_choice to be { type: 'auto' | 'any' | 'none' } or { type: 'tool', name }, received ${check.describe(choice)}`,
    )
  }
  const alone = readField(choice, 'disable_parallel_tool_use', check.boolean)
  return {
    tools,
    toolChoice: known ? choices[String(type)] : { name: name as string },
    ...(alone === true && { parallelToolCalls: false }),
  }
}

const thinking = check.oneOf('enabled', 'disabled', 'adaptive', 'between_tools')
const efforts: Readonly<Record<string, 'low' | 'medium' | 'high'>> = {
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
}
const effortRule = check.oneOf(...Object.keys(efforts))

/** Clients ask for thought whatever the model is: one that does not think then answers at once. */
function thinkingOptions(body: Fields, { model }: NamedModel): GenerationOptions {
  const asked = readField(body, 'thinking', check.object) as Fields | undefined
  const config = (readField(body, 'output_config', check.object) ?? {}) as Fields
  const effort = readField(config, 'effort', effortRule) as string | undefined
  const thinks = (model.info.chat?.reasoning ?? 'none') !== 'none'
  const level: GenerationOptions = thinks && effort !== undefined ? { reasoning: efforts[effort] } : {}
  if (asked === undefined) return level
  const { type } = asked
  if (!thinking.accepts(type)) {
    throw ApiError.invalid(
      'thinking',
      `expected thinking.type to be ${thinking.expected}, received ${check.describe(type)}`,
    )
  }
  if (type === 'disabled') return { reasoning: 'off' }
  const budget = readField(asked, 'budget_tokens', check.integer(1)) as number | undefined
  return { ...thinkingOn, ...level, ...(thinks && budget !== undefined && { reasoning: { budget } }) }
}

function formatOptions(body: Fields): GenerationOptions {
  const config = (readField(body, 'output_config', check.object) ?? {}) as Fields
  const format = readField(config, 'format', check.object) as Fields | undefined
  if (format === undefined) return {}
  if (format['type'] !== 'json_schema' || !check.object.accepts(format['schema'])) {
    throw ApiError.invalid(
      'output_config',
      `expected output_config.format to be { type: 'json_schema', schema }, received ${check.describe(format)}`,
    )
  }
  return { responseFormat: { type: 'json_schema', schema: format['schema'] as Record<string, unknown> } }
}
