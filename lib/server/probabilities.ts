import type { LikelyToken, PromptLogprob, TokenLogprob } from '../output/logprobs.js'

/** The least log-probability that JSON can carry for "never". OpenAI's. */
const never = -9999

const finite = (logprob: number): number => (Number.isFinite(logprob) ? logprob : never)

/** `id` is llama.cpp's and LocalAI's: a text does not tell which token it is. */
const likely = ({ token, text, bytes, logprob }: LikelyToken) => ({
  token: text,
  id: token,
  logprob: finite(logprob),
  bytes,
})

/** `logprobs` of a chat completion. */
export function chatLogprobs(tokens: readonly TokenLogprob[] | undefined) {
  if (tokens === undefined) return null
  return {
    content: tokens.map((token) => ({ ...likely(token), top_logprobs: token.topLogprobs.map(likely) })),
    refusal: null,
  }
}

/** `logprobs` of a text completion. */
export interface TextLogprobs {
  tokens: string[]
  /** Null for the first token of a prompt: nothing comes before it. */
  token_logprobs: (number | null)[]
  top_logprobs: (Record<string, number> | null)[]
  /** Where each token's text begins. */
  text_offset: number[]
}

/** @param from where the text of the first token begins */
export function textLogprobs(tokens: readonly (PromptLogprob | TokenLogprob)[], from: number): TextLogprobs {
  let offset = from
  const found: TextLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
  for (const { text, logprob, topLogprobs } of tokens) {
    found.tokens.push(text)
    found.token_logprobs.push(logprob === null ? null : finite(logprob))
    found.top_logprobs.push(logprob === null ? null : ranked(topLogprobs, { text, logprob }))
    found.text_offset.push(offset)
    offset += text.length
  }
  return found
}

/** By text. Of several tokens with one text, the likeliest counts; the token itself is there although it is none of the likeliest. */
function ranked(top: readonly LikelyToken[], own: { text: string; logprob: number }): Record<string, number> {
  const byText: Record<string, number> = {}
  for (const { text, logprob } of [...top, own]) byText[text] = Math.max(byText[text] ?? never, finite(logprob))
  return byText
}
