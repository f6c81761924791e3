import type { FinishedAnswer, FinishReason, GenerationResult } from '../../generation/result.js'
import { nowInSeconds } from '../clock.js'
import type { NamedModel } from '../models.js'
import type { chatLogprobs } from '../probabilities.js'

/** A token of a message with its log-probability. */
export type Logprob = NonNullable<ReturnType<typeof chatLogprobs>>['content'][number]

/** An item of a response's output. */
export interface OutputItem {
  type: 'message' | 'reasoning' | 'function_call'
  id: string
  [field: string]: unknown
}

/** OpenAI's resource. All of its fields are always there; what does not exist here is null. */
export interface ResponseObject {
  id: string
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  output: OutputItem[]
  [field: string]: unknown
}

/** What a response repeats of its request. */
export type RequestEcho = Readonly<Record<string, unknown>>

/** A response before there is anything of it. */
export function emptyResponse(requestId: string, { name }: NamedModel, echo: RequestEcho): ResponseObject {
  return {
    id: `resp_${requestId}`,
    object: 'response',
    created_at: nowInSeconds(),
    completed_at: null,
    status: 'in_progress',
    incomplete_details: null,
    model: name,
    previous_response_id: null,
    instructions: null,
    output: [],
    error: null,
    tools: [],
    tool_choice: 'auto',
    truncation: 'disabled',
    parallel_tool_calls: true,
    text: { format: { type: 'text' } },
    top_p: null,
    presence_penalty: null,
    frequency_penalty: null,
    top_logprobs: null,
    temperature: null,
    reasoning: null,
    usage: null,
    max_output_tokens: null,
    max_tool_calls: null,
    store: true,
    background: false,
    service_tier: 'default',
    metadata: {},
    safety_identifier: null,
    prompt_cache_key: null,
    ...echo,
  }
}

/** Why an answer is not complete. */
const incomplete: Partial<Record<FinishReason, string>> = {
  length: 'max_output_tokens',
  'content-filter': 'content_filter',
}

/** The response of an answer that has ended. */
export function endedResponse(empty: ResponseObject, result: GenerationResult, output: OutputItem[]): ResponseObject {
  const reason = incomplete[result.finishReason]
  const { promptTokens, completionTokens, totalTokens, cachedTokens, reasoningTokens } = result.usage
  return {
    ...empty,
    status: reason === undefined ? 'completed' : 'incomplete',
    completed_at: reason === undefined ? nowInSeconds() : null,
    incomplete_details: reason === undefined ? null : { reason },
    output,
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: cachedTokens },
      output_tokens: completionTokens,
      output_tokens_details: { reasoning_tokens: reasoningTokens },
      total_tokens: totalTokens,
    },
  }
}

/** The items of an answer, in the order in which they came. */
export function outputItems({ text, reasoningText, toolCalls }: FinishedAnswer, requestId: string): OutputItem[] {
  return [
    ...(reasoningText === '' ? [] : [reasoningItem(requestId, reasoningText)]),
    ...(text === '' && toolCalls.length > 0 ? [] : [messageItem(requestId, text, 'completed')]),
    ...toolCalls.map(({ id, name, arguments: args }) => callItem(id, name, JSON.stringify(args), 'completed')),
  ]
}

/** The item that an answer's text is. */
export function messageItem(
  requestId: string,
  text: string | undefined,
  status: string,
  logprobs: readonly Logprob[] = [],
): OutputItem {
  const content = text === undefined ? [] : [textPart(text, logprobs)]
  return { type: 'message', id: `msg_${requestId}`, status, role: 'assistant', content }
}

export const textPart = (text: string, logprobs: readonly Logprob[] = []) => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs,
})

/** What a model thought, as the summary that every client reads. */
export function reasoningItem(requestId: string, text: string | undefined): OutputItem {
  return { type: 'reasoning', id: `rs_${requestId}`, summary: text === undefined ? [] : [summaryPart(text)] }
}

export const summaryPart = (text: string) => ({ type: 'summary_text', text })

/** A call of a function; `args` is JSON. */
export function callItem(id: string, name: string, args: string, status: string): OutputItem {
  return { type: 'function_call', id: `fc_${id}`, call_id: id, name, arguments: args, status }
}
