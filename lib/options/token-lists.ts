import { integer, type Rule, string } from './rules.js'

/** A token by its id, or the tokens of a text, as the tokenizer encodes it by itself (`' word'` and `'word'` differ), or token ids. */
export type TokenSequence = number | string | readonly number[]

/** Biases by token id, or pairs of what is biased and its bias. */
export type LogitBias = Readonly<Record<number, number>> | readonly (readonly [TokenSequence, number])[]

/** Most entries of a list, and most tokens of one entry. */
const most = 4096
const mostTokens = 64
const id = integer(0)

const isText = (value: unknown): boolean => string.accepts(value) && value !== '' && (value as string).length <= 1024
const isIds = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.length <= mostTokens && value.every((token) => id.accepts(token))
const isBias = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) <= 10_000
const isPair = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length === 2 &&
  (id.accepts(value[0]) || isText(value[0]) || isIds(value[0])) &&
  isBias(value[1])

export const logitBias: Rule = {
  expected:
    `an object of token ids with biases from -10000 to 10000, or an array of at most ${most} pairs of a token id, a text or ` +
    'token ids, and a bias',
  accepts: (value) => {
    if (Array.isArray(value)) return value.length <= most && value.every(isPair)
    if (typeof value !== 'object' || value === null) return false
    const entries = Object.entries(value)
    return (
      entries.length <= most && entries.every(([key, bias]) => /^\d+$/.test(key) && id.accepts(+key) && isBias(bias))
    )
  },
}

export const words: Rule = {
  expected: `an array of at most ${most}, each a text or an array of 1 to ${mostTokens} token ids`,
  accepts: (value) =>
    Array.isArray(value) && value.length <= most && value.every((word) => isText(word) || isIds(word)),
}

export const texts: Rule = {
  expected: 'an array of at most 64 texts that are not empty',
  accepts: (value) => Array.isArray(value) && value.length <= 64 && value.every(isText),
}
