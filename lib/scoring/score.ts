import { type CheckedPrompt, checkPrompt, checkTokens, type Prompt } from '../generation/prompt.js'
import type { RequestContext } from '../generation/request.js'
import { encodeOptions, tokenizePrompt } from '../generation/tokenize.js'
import { describe } from '../options/rules.js'
import type { ScoreOptions } from '../options/scoring.js'
import { type ScoredTokens, type Scorer, scoreTokens } from './score-tokens.js'

/** What may follow a prompt: text, or token ids. A prompt of tokens takes tokens only. */
export type Continuation = string | { readonly tokens: ArrayLike<number> }

/** How likely a continuation is. */
export interface ContinuationScore {
  /** Natural logarithm of its probability: the sum of `logprobs`. */
  logprob: number
  /** Its tokens. They begin where the tokens of prompt and continuation together depart from those of the prompt alone. */
  tokens: number[]
  /** Natural logarithm of the probability of each of `tokens`. */
  logprobs: number[]
  /** Whether each of them is the likeliest token of its place: greedy decoding would give this continuation. */
  isGreedy: boolean
}

/** What is to be scored, looked at and copied. */
export interface CheckedScoring {
  prompt: CheckedPrompt
  continuations: (string | Int32Array)[]
}

/** @throws TypeError, and LLMError `ERR_TOKEN_ID` */
export function checkScoring(
  prompt: Prompt,
  continuations: readonly Continuation[],
  vocabularySize: number,
  options: ScoreOptions,
): CheckedScoring {
  if (!Array.isArray(continuations) || continuations.length === 0) {
    const found = Array.isArray(continuations) ? 'an empty one' : describe(continuations)
    throw new TypeError(`expected continuations to be an array of at least one, received ${found}`)
  }
  const checked = checkPrompt(prompt, vocabularySize, options)
  return {
    prompt: checked,
    continuations: continuations.map((one: Continuation, i) => {
      if (typeof one === 'object' && one !== null && 'tokens' in one) return checkTokens(one.tokens, vocabularySize)
      if (typeof one === 'string' && one !== '' && checked.kind !== 'tokens') return one
      const expected =
        checked.kind === 'tokens' ? '{ tokens }, like the prompt' : 'text that is not empty, or { tokens }'
      throw new TypeError(`expected continuations[${i}] to be ${expected}, received ${describe(one)}`)
    }),
  }
}

/** Encodes and scores; the scores are in the order of the continuations. */
export async function scoreContinuations(
  context: RequestContext,
  { prompt, continuations }: CheckedScoring,
  options: ScoreOptions,
  scorer: Scorer,
): Promise<ContinuationScore[]> {
  const alone = await encode(context, prompt, options)
  if (alone.length === 0)
    throw new TypeError('expected a prompt of at least one token, received one that encodes to none')
  const items: ScoredTokens[] = []
  for (const [i, continuation] of continuations.entries()) {
    const tokens =
      typeof continuation === 'string'
        ? await encode(context, prompt, options, continuation)
        : Int32Array.of(...alone, ...continuation)
    items.push({ tokens, from: departure(alone, tokens, i) })
  }
  const found = await scoreTokens(items, options, scorer)
  return found.map((likely) => {
    const logprobs = likely.map(({ logprob }) => logprob)
    return {
      logprob: logprobs.reduce((sum, logprob) => sum + logprob, 0),
      tokens: likely.map(({ token }) => token),
      logprobs,
      isGreedy: likely.every(({ token, topLogprobs }) => topLogprobs[0]?.token === token),
    }
  })
}

/** The tokens of a prompt; with text that follows it: raw text, or the beginning of the assistant's answer to a chat. */
async function encode(
  context: RequestContext,
  prompt: CheckedPrompt,
  options: ScoreOptions,
  continuation?: string,
): Promise<Int32Array> {
  if (prompt.kind === 'tokens') return prompt.tokens
  const encoding = encodeOptions(options)
  if (continuation === undefined) return (await tokenizePrompt(context, prompt, encoding)).tokens
  if (prompt.kind === 'text') {
    return (await tokenizePrompt(context, { ...prompt, text: prompt.text + continuation }, encoding)).tokens
  }
  const messages = [...prompt.messages, { role: 'assistant', content: continuation }]
  return (await tokenizePrompt(context, { ...prompt, messages }, { ...encoding, continueFinalMessage: true })).tokens
}

/**
 * The first token that the prompt does not have. A tokenizer may join the end of a prompt and the beginning of what follows to one token,
 * which then counts as a part of the continuation.
 * @throws TypeError when there is no token before it, or none after it
 */
function departure(prompt: Int32Array, whole: Int32Array, index: number): number {
  const differs = prompt.findIndex((token, i) => token !== whole[i])
  const from = differs < 0 ? prompt.length : differs
  if (from === 0) {
    throw new TypeError(
      `expected continuations[${index}] to leave the first token of the prompt as it is; it changes that`,
    )
  }
  if (from >= whole.length) {
    throw new TypeError(`expected continuations[${index}] to add a token to the prompt; it adds none`)
  }
  return from
}
