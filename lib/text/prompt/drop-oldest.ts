import type { ChatMessage } from '../template/messages.js'

/**
 * Drops the oldest messages until at most `maxTokens` are left: never a system message, never the last, and what
 * remains begins with a user turn if there is one. Fewer messages are taken to give fewer tokens, so the number is
 * found by bisection.
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
  // The first user turn is kept by dropping nothing, unless other turns stand before it.
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
