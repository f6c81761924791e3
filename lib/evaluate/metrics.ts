import type { ChoiceExample, Scores } from './task.js'

type Choices = Pick<ChoiceExample, 'asks' | 'gold'>

/** `acc` of lm-evaluation-harness: whether the likeliest answer is right; the first of several that are equally likely counts. */
export function acc(logprobs: readonly number[], { gold }: Choices): Scores {
  return { acc: right(logprobs, gold) }
}

/**
 * `acc`, and the same with each log-probability divided by the length of the answer: `acc_norm` by its characters and `acc_bytes` by its
 * bytes of UTF-8. Those are the names of lm-evaluation-harness, whose `acc_norm` counts characters.
 */
export function accNorm(logprobs: readonly number[], { asks, gold }: Choices): Scores {
  const by = (length: (answer: string) => number) =>
    right(
      logprobs.map((logprob, i) => logprob / length(asks[i]?.answer ?? '')),
      gold,
    )
  return {
    acc: right(logprobs, gold),
    acc_norm: by((answer) => [...answer].length),
    acc_bytes: by((answer) => Buffer.byteLength(answer)),
  }
}

/** TruthfulQA's MC2: the share of the right answers in the probability of all. */
export function rightMass(logprobs: readonly number[], { gold }: Choices): Scores {
  // Relative to the likeliest, so that long answers do not all become 0.
  const most = Math.max(...logprobs)
  const masses = logprobs.map((logprob) => Math.exp(logprob - most))
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return { acc: sum(gold.map((index) => masses[index] ?? 0)) / sum(masses) }
}

function right(values: readonly number[], gold: readonly number[]): number {
  return gold.includes(values.indexOf(Math.max(...values))) ? 1 : 0
}

const punctuation = /[!-/:-@[-`{-~]/g

/** How texts are made alike before they are compared. */
export interface Alike {
  ignore?: readonly RegExp[]
  ignoreCase?: boolean
  ignorePunctuation?: boolean
}

/** `exact_match` of lm-evaluation-harness: whether a text is one of the references. */
export function exactMatch(text: string, references: readonly string[], alike: Alike = {}): number {
  const plain = (one: string): string => {
    let made = one
    for (const pattern of alike.ignore ?? []) made = made.replaceAll(pattern, '')
    if (alike.ignoreCase) made = made.toLowerCase()
    return alike.ignorePunctuation ? made.replaceAll(punctuation, '') : made
  }
  return references.some((reference) => plain(reference) === plain(text)) ? 1 : 0
}

/**
 * What a pattern finds in an answer: its first match or its last one, of that the first group that took part, else all of it. Without a
 * match it is a text that equals no reference.
 */
export function extract(text: string, pattern: RegExp, which: 0 | -1 = 0): string {
  const match = [...text.matchAll(pattern)].at(which)
  const found = match && (match.slice(1).find((group) => group) ?? (match.length > 1 ? undefined : match[0]))
  return found?.trim() ?? '[invalid]'
}
