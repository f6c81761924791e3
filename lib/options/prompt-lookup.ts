import type { Rule } from './rules.js'
import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** How prompt lookup guesses. */
export interface PromptLookup {
  /** Longest run of last tokens that is looked for, 1 to 64. Default 3. */
  maxNgram?: number | undefined
  /** Most tokens that are guessed for a step, 1 to 64. Default 16. */
  maxTokens?: number | undefined
}

const size = check.integer(1, 64)
const lookupTable = {
  maxNgram: { ...size, default: 3 },
  maxTokens: { ...size, default: 16 },
} as const satisfies Table<PromptLookup>

/** The rule of the option `promptLookup`. */
export const lookupRule: Rule = {
  expected: 'a boolean or { maxNgram, maxTokens } with integers from 1 to 64',
  accepts: (value) =>
    typeof value === 'boolean' ||
    (check.object.accepts(value) &&
      Object.entries(value as PromptLookup).every(
        ([name, number]) => Object.hasOwn(lookupTable, name) && (number === undefined || size.accepts(number)),
      )),
}

/** The addon's two fields of prompt lookup; both 0 without it. */
export interface Lookup {
  lookupNgram: number
  lookupTokens: number
}

/** Prompt lookup as a request asks for it. */
export function resolveLookup(promptLookup: boolean | PromptLookup | undefined): Lookup {
  if (promptLookup === undefined || promptLookup === false) return { lookupNgram: 0, lookupTokens: 0 }
  const byDefault = defaultsOf(lookupTable)
  const { maxNgram = byDefault.maxNgram, maxTokens = byDefault.maxTokens } = promptLookup === true ? {} : promptLookup
  return { lookupNgram: maxNgram, lookupTokens: maxTokens }
}
