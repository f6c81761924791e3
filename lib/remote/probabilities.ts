import type { LikelyToken, TokenLogprob } from '../output/logprobs.js'

/** The id of a token when a server does not tell it. */
const unknownToken = -1
/** What stands for "never" in JSON, which has no infinity. OpenAI's. */
const never = -9999

const encoder = new TextEncoder()

/**
 * The log-probabilities of a choice, in the shape of chats or in that of text completions.
 * @param tokens ids of the tokens, when the server tells them
 * @param most likeliest tokens that were asked for
 */
export function logprobsIn(found: unknown, tokens: readonly number[], most: number): TokenLogprob[] {
  if (typeof found !== 'object' || found === null) return []
  const { content, tokens: texts } = found as Record<string, unknown>
  const list = Array.isArray(content) ? content.map(ofChat) : Array.isArray(texts) ? ofText(found, texts) : []
  const known = tokens.length === list.length
  return list.map((one, i) => ({
    ...one,
    ...(known && { token: tokens[i] as number }),
    topLogprobs: one.topLogprobs.slice(0, most),
  }))
}

function ofChat(one: unknown): TokenLogprob {
  const { top_logprobs: top } = (one ?? {}) as { top_logprobs?: unknown }
  return { ...likely(one), topLogprobs: Array.isArray(top) ? top.map(likely) : [] }
}

function ofText(found: object, texts: readonly unknown[]): TokenLogprob[] {
  const { token_logprobs: logprobs, top_logprobs: top } = found as Record<string, unknown>
  return texts.map((token, i) => ({
    ...likely({ token, logprob: at(logprobs, i) }),
    topLogprobs: Object.entries((at(top, i) ?? {}) as object)
      .map(([text, logprob]) => likely({ token: text, logprob }))
      .sort((a, b) => b.logprob - a.logprob),
  }))
}

const at = (list: unknown, i: number): unknown => (Array.isArray(list) ? list[i] : undefined)

function likely(one: unknown): LikelyToken {
  const { token, id, bytes, logprob } = (one ?? {}) as Record<string, unknown>
  const text = typeof token === 'string' ? token : ''
  return {
    token: Number.isInteger(id) ? (id as number) : unknownToken,
    text,
    bytes: Array.isArray(bytes) ? (bytes as number[]) : [...encoder.encode(text)],
    logprob: typeof logprob !== 'number' || logprob <= never ? Number.NEGATIVE_INFINITY : logprob,
  }
}
