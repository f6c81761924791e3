import type { FinishReason, GenerationResult, Usage } from '../generation/result.js'

/** OpenAI's names of how an answer ended. */
export const finishReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  cancelled: 'stop',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
}

/** OpenAI's `usage` of requests together. */
export function usageOf(results: readonly Pick<GenerationResult, 'usage'>[]) {
  const sum = (of: (usage: Usage) => number): number => results.reduce((total, { usage }) => total + of(usage), 0)
  return {
    prompt_tokens: sum(({ promptTokens }) => promptTokens),
    completion_tokens: sum(({ completionTokens }) => completionTokens),
    total_tokens: sum(({ totalTokens }) => totalTokens),
    prompt_tokens_details: { cached_tokens: sum(({ cachedTokens }) => cachedTokens) },
    completion_tokens_details: {
      reasoning_tokens: sum(({ reasoningTokens }) => reasoningTokens),
      accepted_prediction_tokens: sum(({ acceptedTokens }) => acceptedTokens),
      rejected_prediction_tokens: sum(({ draftTokens, acceptedTokens }) => draftTokens - acceptedTokens),
    },
  }
}
