import type { ChatMessage } from '../template/messages.js'

/**
 * Drops the oldest messages until the prompt has at most `maxTokens`. System messages and the last message stay, and
 * the rest begins with a user turn if there is one. If no cut is enough, the shortest prompt is returned. Bisection
 * finds the cut: fewer messages are assumed to give fewer tokens.
 */
export function dropOldest<T extends { tokens: Int32Array }>(
  messages: readonly ChatMessage[],
  encode: (kept: readonly ChatMessage[]) => T,
  maxTokens: number,
): T {
  let result = encode(messages)
  if (result.tokens.length <= maxTokens) return result
  const starts = messages.flatMap((message, i) => (message.role === 'user' ? [i] : []))
  const from = (start: number): T => encode(messages.filter((message, i) => i >= start || message.role === 'system'))
  // A cut at the first turn would drop nothing.
  const first = messages.findIndex((message) => message.role !== 'system')
  const cuts = starts.filter((start) => start > first)
  if (starts.length === 0 && messages.length - 1 > first) cuts.push(messages.length - 1)
  if (cuts.length === 0) return result
  let low = 0
  let high = cuts.length - 1
  result = from(cuts[high]!)
  if (result.tokens.length > maxTokens) return result
  while (low < high) {
    const middle = (low + high) >> 1
    const attempt = from(cuts[middle]!)
    if (attempt.tokens.length <= maxTokens) {
      result = attempt
      high = middle
    } else low = middle + 1
  }
  return result
}
