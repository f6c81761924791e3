/** What a server counts of a request, for all answers together. */
export interface Counts {
  promptTokens: number
  completionTokens: number
  reasoningTokens: number
  cachedTokens: number
  draftTokens: number
  acceptedTokens: number
}

/** OpenAI's `usage`; undefined where there is none. What it leaves out counts as 0. */
export function countsIn(usage: unknown): Counts | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined
  const prompt = countOf(usage, 'prompt_tokens_details')
  const completion = countOf(usage, 'completion_tokens_details')
  const acceptedTokens = number(completion['accepted_prediction_tokens'])
  const counts = usage as Record<string, unknown>
  return {
    promptTokens: number(counts['prompt_tokens']),
    completionTokens: number(counts['completion_tokens']),
    reasoningTokens: number(completion['reasoning_tokens']),
    cachedTokens: number(prompt['cached_tokens']),
    draftTokens: acceptedTokens + number(completion['rejected_prediction_tokens']),
    acceptedTokens,
  }
}

function countOf(usage: object, name: string): Record<string, unknown> {
  const details = (usage as Record<string, unknown>)[name]
  return typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {}
}

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
