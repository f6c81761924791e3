import type { GenerationResult } from '../../generation/result.js'
import type { GenerationOptions } from '../../options/generation.js'
import * as check from '../../options/rules.js'
import type { ChatMessage } from '../../text/template/messages.js'
import { ApiError } from '../api-error.js'
import { eventStream, namedEvents } from '../event-stream.js'
import type { Exchange } from '../exchange.js'
import { answerRequest, chatRequest, readField } from '../fields.js'
import { withModel } from '../loading-stream.js'
import type { ServedModels } from '../models.js'
import { functionCalls } from '../tool-calls.js'
import { itemsWithLogprobs, responseEvents } from './events.js'
import { messagesOfInput } from './input.js'
import { emptyResponse, endedResponse, outputItems, type ResponseObject } from './response.js'
import type { ResponseStore, StoredResponse } from './store.js'

/** Fields that a response repeats as they came. */
const echoed = [
  'instructions',
  'previous_response_id',
  'temperature',
  'top_p',
  'presence_penalty',
  'frequency_penalty',
  'top_logprobs',
  'max_output_tokens',
  'max_tool_calls',
  'truncation',
  'parallel_tool_calls',
  'metadata',
  'safety_identifier',
  'prompt_cache_key',
  'reasoning',
  'tools',
  'tool_choice',
  'text',
  'store',
]

const own = [...echoed, 'input', 'background', 'include', 'client_metadata'].filter(
  (name) => !Object.hasOwn(chatRequest.fields, name),
)

/** POST /v1/responses */
export async function createResponse(
  models: ServedModels,
  store: ResponseStore,
  exchange: Exchange,
  key: string | undefined,
): Promise<Response> {
  const given = await exchange.json()
  const body = asChat(given)
  return await withModel(models, exchange, body, namedEvents, async (named) => {
    const request = answerRequest(body, chatRequest, own, named, exchange.limits)
    checkUnsupported(body)
    const messages = [...before(body, store, key), ...messagesOfInput(body['input'])]
    const instructions = readField(body, 'instructions', check.string) as string | undefined
    const prompt = instructions === undefined ? messages : [{ role: 'system', content: instructions }, ...messages]
    const options: GenerationOptions = { ...request.options, ...ownOptions(body), ...exchange.requestOptions }
    const isStored = (readField(body, 'store', check.boolean) ?? true) as boolean
    const empty = emptyResponse(exchange.requestId, named, echoOf(given))

    const answer = exchange.generate(named, prompt, options, request.stream)
    const keep = (response: ResponseObject, result: GenerationResult) => {
      if (isStored) store.add({ response, messages: [...messages, messageOf(result)], key })
    }
    if (request.stream)
      return await eventStream(responseEvents(answer, empty, keep), { ...exchange.events, format: namedEvents })
    const items = options.logprobs === undefined ? undefined : await itemsWithLogprobs(answer)
    const result = await answer.result
    const output = items ?? outputItems(result, result.requestId)
    const response = endedResponse(empty, result, output)
    keep(response, result)
    return Response.json(response)
  })
}

/** GET and DELETE /v1/responses/ID. @throws ApiError 404 */
export function storedResponse(store: ResponseStore, id: string, key: string | undefined): StoredResponse {
  const stored = store.get(id, key)
  if (stored) return stored
  throw new ApiError(404, `there is no response ${id.slice(0, 100)}: it was not stored, or has been forgotten`, {
    code: 'response_not_found',
    param: 'previous_response_id',
  })
}

/** The conversation that the request goes on from. */
function before(
  body: Readonly<Record<string, unknown>>,
  store: ResponseStore,
  key: string | undefined,
): readonly ChatMessage[] {
  const id = readField(body, 'previous_response_id', check.string) as string | undefined
  return id === undefined ? [] : storedResponse(store, id, key).messages
}

/** The answer as the history of the next one. */
function messageOf({ text, toolCalls }: GenerationResult): ChatMessage {
  const said = { role: 'assistant', content: text }
  return toolCalls.length === 0 ? said : { ...said, tool_calls: functionCalls(toolCalls) }
}

/** Tools, reasoning and format in the fields that chats have. Agents send tools of the makers of their models, which mean nothing here. */
function asChat(body: Record<string, unknown>): Record<string, unknown> {
  const tools = readField(body, 'tools', check.array) as ({ type?: unknown } | null)[] | undefined
  const functions = (tools ?? []).flatMap((tool) => {
    if (tool?.type !== 'function') return []
    const { type, ...described } = tool
    return [{ type, function: described }]
  })
  const reasoning = readField(body, 'reasoning', check.object) as { effort?: unknown } | undefined
  const text = readField(body, 'text', check.object) as { format?: unknown } | undefined
  const { tools: _, tool_choice: choice, ...rest } = body
  return {
    ...rest,
    reasoning_effort: reasoning?.effort,
    response_format: text?.format,
    ...(functions.length > 0 && { tools: functions, tool_choice: choice }),
  }
}

function ownOptions(body: Readonly<Record<string, unknown>>): GenerationOptions {
  const maxNewTokens = readField(body, 'max_output_tokens', check.integer(1)) as number | undefined
  const truncation = readField(body, 'truncation', check.oneOf('auto', 'disabled'))
  const top = readField(body, 'top_logprobs', check.integer(0, 20)) as number | undefined
  const include = readField(body, 'include', check.listOf(check.string, 100)) as readonly string[] | undefined
  return {
    ...(include?.includes('message.output_text.logprobs') && { logprobs: top ?? 0 }),
    ...(maxNewTokens !== undefined && { maxNewTokens }),
    ...(truncation === 'auto' && { contextOverflow: 'drop-oldest' }),
  }
}

/** @throws ApiError 400 for what would change the answer and does not exist here */
function checkUnsupported(body: Readonly<Record<string, unknown>>): void {
  if (readField(body, 'background', check.boolean))
    throw ApiError.invalid('background', 'expected background to be false')
  if ((readField(body, 'n', check.integer(1, 1)) ?? 1) !== 1) throw ApiError.invalid('n', 'expected n to be 1')
}

function echoOf(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const present = echoed.filter((name) => body[name] !== undefined && body[name] !== null)
  return Object.fromEntries(present.map((name) => [name, body[name]]))
}
