import { type CheckedPrompt, checkTokens } from '../generation/prompt.js'
import type { RequestContext } from '../generation/request.js'
import { encodeOptions, tokenizePrompt } from '../generation/tokenize.js'
import { describe } from '../options/rules.js'
import { type PerplexityOptions, resolveWindows } from '../options/scoring.js'
import { type ScoredTokens, type Scorer, scoreTokens } from './score-tokens.js'

/** How well a model predicts a text. */
export interface Perplexity {
  /** The exponential of the mean negative log-probability of a token; the lower, the better. */
  perplexity: number
  /** What the mean was taken over, as transformers' guide counts: one less in each window than the tokens that it is the first to score. */
  tokens: number
}

/** @throws TypeError, and LLMError `ERR_TOKEN_ID` */
export function checkText(
  text: string | { readonly tokens: ArrayLike<number> },
  vocabularySize: number,
): Exclude<CheckedPrompt, { kind: 'chat' }> {
  if (typeof text === 'string') return { kind: 'text', text }
  if (typeof text === 'object' && text !== null && 'tokens' in text) {
    return { kind: 'tokens', tokens: checkTokens(text.tokens, vocabularySize) }
  }
  throw new TypeError(`expected text to be a string or { tokens }, received ${describe(text)}`)
}

/**
 * As Hugging Face's guide "Perplexity of fixed-length models" has it: a window of `context` tokens moves on by `stride` tokens, and scores
 * those that the window before did not reach. Each window's mean counts with one token less than it scored, as there.
 */
export async function perplexityOf(
  context: RequestContext,
  text: Exclude<CheckedPrompt, { kind: 'chat' }>,
  options: PerplexityOptions,
  scorer: Scorer,
): Promise<Perplexity> {
  const windows = resolveWindows(options, Math.min(context.contextLength, context.maxPrompt))
  const tokens =
    text.kind === 'tokens' ? text.tokens : (await tokenizePrompt(context, text, encodeOptions(options))).tokens
  if (tokens.length < 2) throw new TypeError(`expected a text of at least two tokens, received ${tokens.length}`)
  const found = await scoreTokens(windowsOf(tokens, windows), options, scorer)
  let sum = 0
  let count = 0
  for (const [i, scored] of found.entries()) {
    // Only a window that begins where the one before ended has a first token that nothing predicts.
    const begins = i === 0 || windows.stride === windows.context
    const weight = scored.length - (begins ? 0 : 1)
    if (weight === 0) continue
    sum -= (weight * scored.reduce((total, { logprob }) => total + logprob, 0)) / scored.length
    count += weight
  }
  return { perplexity: Math.exp(sum / count), tokens: count }
}

function* windowsOf(
  tokens: Int32Array,
  { context, stride }: { context: number; stride: number },
): Generator<ScoredTokens, void> {
  let scored = 0
  for (let begin = 0; scored < tokens.length; begin += stride) {
    const end = Math.min(begin + context, tokens.length)
    // A last window of one token has nothing to predict it from.
    if (end - begin > 1) yield { tokens: tokens.slice(begin, end), from: Math.max(1, scored - begin) }
    scored = end
  }
}
