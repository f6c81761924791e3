import type { FinishedAnswer, GenerationResult } from '../generation/result.js'
import type { GenerationStream } from '../generation/stream.js'
import type { GenerationOptions } from '../options/generation.js'
import * as check from '../options/rules.js'
import type { StreamPart } from '../output/parts.js'
import type { ChatMessage } from '../text/template/messages.js'
import { ApiError } from './api-error.js'
import { completionHead } from './completion-head.js'
import { doneEvents, eventStream } from './event-stream.js'
import type { Exchange } from './exchange.js'
import { answerRequest, chatRequest, readField } from './fields.js'
import { withModel } from './loading-stream.js'
import type { NamedModel, ServedModels } from './models.js'
import { chatLogprobs } from './probabilities.js'
import { showsTokens, tokenIds } from './token-ids.js'
import { functionCalls } from './tool-calls.js'
import { finishReasons, usageOf } from './usage.js'

const own = ['messages', 'logprobs', 'top_logprobs', 'modalities', 'return_token_ids']

/** POST /v1/chat/completions */
export async function chatCompletions(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  return await withModel(models, exchange, body, doneEvents, async (named) => {
    const request = answerRequest(body, chatRequest, own, named, exchange.limits)
    checkTextOnly(body)
    const options = { ...request.options, ...logprobsOptions(body), ...exchange.requestOptions }
    const shows = showsTokens(body)
    const answer = exchange.generate(named, messagesOf(body), options, request.stream)
    if (request.stream) {
      const events = chunks(answer, named, options, request.includeUsage, shows)
      return await eventStream(events, exchange.events)
    }
    return Response.json(completion(await answer.result, named, shows))
  })
}

/** The messages of a request. `developer` is OpenAI's newer word for `system`, which templates know. */
function messagesOf(body: Readonly<Record<string, unknown>>): ChatMessage[] {
  const { messages } = body
  if (!Array.isArray(messages)) {
    throw ApiError.invalid('messages', `expected messages to be an array, received ${check.describe(messages)}`)
  }
  return messages.map((message) => (message?.role === 'developer' ? { ...message, role: 'system' } : message))
}

function logprobsOptions(body: Readonly<Record<string, unknown>>): GenerationOptions {
  const logprobs = readField(body, 'logprobs', check.boolean) ?? false
  const top = readField(body, 'top_logprobs', check.integer(0, 20)) as number | undefined
  if (top !== undefined && !logprobs) {
    throw ApiError.invalid('top_logprobs', 'expected logprobs to be true with top_logprobs')
  }
  return logprobs ? { logprobs: top ?? true } : {}
}

function checkTextOnly(body: Readonly<Record<string, unknown>>): void {
  const text = { expected: "['text']", accepts: (value: unknown) => Array.isArray(value) && `${value}` === 'text' }
  readField(body, 'modalities', text)
}

const headOf = (object: string, requestId: string, named: NamedModel) =>
  completionHead(object, `chatcmpl-${requestId}`, named)

function completion(result: GenerationResult, named: NamedModel, shows: boolean) {
  return {
    ...headOf('chat.completion', result.requestId, named),
    choices: result.answers.map((answer, index) => ({
      index,
      message: messageOf(answer),
      logprobs: chatLogprobs(answer.logprobs),
      finish_reason: finishReasons[answer.finishReason],
      stop_reason: answer.stoppedBy,
      ...tokenIds(shows, answer),
    })),
    usage: usageOf([result]),
  }
}

function messageOf({ text, reasoningText, toolCalls }: FinishedAnswer) {
  return {
    role: 'assistant',
    content: text === '' && toolCalls.length > 0 ? null : text,
    refusal: null,
    ...(reasoningText !== '' && { reasoning_content: reasoningText }),
    ...(toolCalls.length > 0 && { tool_calls: functionCalls(toolCalls) }),
  }
}

async function* chunks(
  answer: GenerationStream,
  named: NamedModel,
  { numReturnSequences = 1 }: GenerationOptions,
  includeUsage: boolean,
  shows: boolean,
): AsyncGenerator<object> {
  const head = { ...headOf('chat.completion.chunk', answer.requestId, named), ...(includeUsage && { usage: null }) }
  const choice = (index: number, delta: object, rest: object = {}) => ({
    ...head,
    // A key `content` in every delta: some clients fail without it.
    choices: [{ index, delta: { content: null, ...delta }, logprobs: null, finish_reason: null, ...rest }],
  })
  const begins = () =>
    Array.from({ length: numReturnSequences }, (_, i) => choice(i, { role: 'assistant', content: '' }))
  const deltas = Array.from({ length: numReturnSequences }, () => new Deltas())
  let begun = false
  for await (const part of answer) {
    if (!begun) yield* begins()
    begun = true
    const delta = (deltas[part.index] as Deltas).of(part)
    const { logprobs } = part
    if (!delta && !logprobs?.length && !(shows && part.tokens.length > 0)) continue
    yield choice(part.index, delta ?? {}, { logprobs: chatLogprobs(logprobs), ...tokenIds(shows, part) })
  }
  const result = await answer.result
  if (!begun) yield* begins()
  for (const [index, { finishReason, stoppedBy }] of result.answers.entries()) {
    yield choice(index, { content: '' }, { finish_reason: finishReasons[finishReason], stop_reason: stoppedBy })
  }
  if (includeUsage) yield { ...head, choices: [], usage: usageOf([result]) }
}

/** What parts of one answer are in chunks. */
class Deltas {
  /** Ids of tool calls, in their order: a chunk names a call by its number. */
  readonly #calls: string[] = []

  of(part: StreamPart): object | undefined {
    switch (part.type) {
      case 'text':
        return part.text === '' ? undefined : { content: part.text }
      case 'reasoning':
        return { reasoning_content: part.reasoningText }
      case 'tool-call-start': {
        const index = this.#calls.push(part.id) - 1
        return { tool_calls: [{ index, id: part.id, type: 'function', function: { name: part.name, arguments: '' } }] }
      }
      case 'tool-call-delta':
        return { tool_calls: [{ index: this.#calls.indexOf(part.id), function: { arguments: part.argumentsText } }] }
      default:
        return undefined
    }
  }
}
