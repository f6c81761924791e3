import type { FinishReason, GenerationResult, Usage } from '../../generation/result.js'
import type { NamedModel } from '../models.js'

/** Anthropic's names of how an answer ended. */
const stopReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  cancelled: 'end_turn',
  'content-filter': 'refusal',
  'tool-calls': 'tool_use',
}

/** A message before there is anything of it. */
export function emptyMessage(requestId: string, { name }: NamedModel) {
  return {
    id: `msg_${requestId}`,
    type: 'message',
    role: 'assistant',
    model: name,
    content: [] as object[],
    stop_reason: null as string | null,
    stop_sequence: null as string | null,
  }
}

/** How an answer ended. @param asked stop sequences of the request: those of the model are an end of its turn */
export function endOf({ finishReason, stoppedBy }: GenerationResult, asked: readonly string[]) {
  const sequence = asked.find((each) => each === stoppedBy) ?? null
  const stopped = finishReason === 'stop' && sequence !== null
  return {
    stop_reason: stopped ? 'stop_sequence' : stopReasons[finishReason],
    stop_sequence: stopped ? sequence : null,
  }
}

/** The blocks of an answer. */
export function contentOf({ reasoningText, text, toolCalls }: GenerationResult): object[] {
  return [
    ...(reasoningText === '' ? [] : [thinkingBlock(reasoningText)]),
    ...(text === '' ? [] : [textBlock(text)]),
    ...toolCalls.map(({ id, name, arguments: input }) => toolBlock(id, name, input)),
  ]
}

export const textBlock = (text: string) => ({ type: 'text', text, citations: null })

/** The signature is Anthropic's, for its own thoughts: nobody signs these. */
export const thinkingBlock = (thinking: string) => ({ type: 'thinking', thinking, signature: '' })

export const toolBlock = (id: string, name: string, input: object) => ({ type: 'tool_use', id, name, input })

/** Tokens of the prompt that were in the cache are counted apart, as Anthropic does. */
export function usageOf({ promptTokens, cachedTokens, completionTokens, reasoningTokens }: PromptAndAnswer) {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
  }
}

type PromptAndAnswer = Pick<Usage, 'promptTokens' | 'cachedTokens' | 'completionTokens' | 'reasoningTokens'>
