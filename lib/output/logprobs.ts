import type { NativeLogprobs } from '../engine/boundary.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'

/** A token and how likely it was. */
export interface LikelyToken {
  /** Its id. */
  token: number
  /** What it says, with U+FFFD for bytes that are no whole character. '' for an id that the tokenizer does not have. */
  text: string
  /** The bytes of that in UTF-8, which several tokens may complete to a character. */
  bytes: number[]
  /** Natural logarithm of its probability, ≤ 0; -Infinity for a token that could not come. */
  logprob: number
}

/** A token of an answer, how likely it was, and what else was. */
export interface TokenLogprob extends LikelyToken {
  /** The likeliest tokens of this place, the likeliest first, as many as were asked for; fewer when no others could come. */
  topLogprobs: LikelyToken[]
}

/** The same of a token of a prompt. Nothing comes before the first one, so its `logprob` is null. */
export interface PromptLogprob extends Omit<TokenLogprob, 'logprob'> {
  logprob: number | null
}

/** Describes tokens by what the addon found of each of them. */
export function tokenLogprobs(
  table: TokenTable,
  tokens: ArrayLike<number>,
  { values, topTokens, topValues }: Pick<NativeLogprobs, 'values' | 'topTokens' | 'topValues'>,
): TokenLogprob[] {
  const top = topTokens.length / values.length
  return values.map((logprob, i) => ({
    ...described(table, tokens[i] as number),
    logprob,
    topLogprobs: [...topTokens.subarray(i * top, (i + 1) * top)].flatMap((token, j) =>
      token < 0 ? [] : [{ ...described(table, token), logprob: topValues[i * top + j] as number }],
    ),
  }))
}

/** Collects the log-probabilities of a prompt, which come in pieces while it is computed. */
export class PromptLogprobs {
  /** Of all tokens so far. */
  readonly list: PromptLogprob[]
  readonly #table: TokenTable
  #left: Int32Array

  /** @param from the first token that they come of, ≥ 1; the list begins there, or with the first token when nothing lies between */
  constructor(table: TokenTable, tokens: Int32Array, from: number) {
    this.#table = table
    this.#left = tokens.subarray(from)
    const first = { ...described(table, tokens[0] as number), logprob: null, topLogprobs: [] }
    this.list = from === 1 ? [first] : []
  }

  add(found: NativeLogprobs): void {
    for (const one of tokenLogprobs(this.#table, this.#left, found)) this.list.push(one)
    this.#left = this.#left.subarray(found.values.length)
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function described({ bytes, offsets, size }: TokenTable, token: number): Omit<LikelyToken, 'logprob'> {
  // A model may compute more logits than the tokenizer has tokens.
  const own = token < size ? bytes.subarray(offsets[token], offsets[token + 1]) : new Uint8Array(0)
  return { token, text: decoder.decode(own), bytes: [...own] }
}
