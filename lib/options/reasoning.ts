import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** How models write what they think before they answer. */
export const reasoningParsers = ['think', 'mistral', 'granite', 'gemma', 'harmony', 'none'] as const

/** A format of reasoning, or `auto`: the one that the model's chat template knows. */
export type ReasoningParser = 'auto' | (typeof reasoningParsers)[number]

/** How much a model thinks, in words. */
export type ReasoningLevel = 'low' | 'medium' | 'high'

/** Tokens that a level stands for where the template knows none; the figures are those of Google's API. */
export const levelBudgets: Readonly<Record<ReasoningLevel, number>> = { low: 1024, medium: 8192, high: 24_576 }

const budget: check.Rule = {
  expected: '{ budget: an integer ≥ 0 }',
  accepts: (value) =>
    check.object.accepts(value) &&
    Object.keys(value as object).join() === 'budget' &&
    check.integer(0).accepts((value as { budget: unknown }).budget),
}

/** Options that say how a model thinks before it answers. */
export interface ReasoningOptions {
  /**
   * How the model marks its reasoning, which comes as parts of its own: `think` (`<think>…</think>`: DeepSeek-R1, Qwen3, Phi-4-reasoning),
   * `mistral` (`[THINK]`), `granite`, `gemma`, `harmony` (gpt-oss), `none`. With `auto` the chat template tells; a prompt that is no chat
   * has none then. Default `auto`.
   */
  reasoningParser?: ReasoningParser | undefined
  /**
   * How much the model thinks. `auto`: as its template has it. `off`: not at all; a template that has no such switch makes it a TypeError.
   * `{ budget }`: at most so many tokens, ≥ 0, and then the reasoning is closed and the answer begins. `low`, `medium`, `high`: as templates
   * with a `reasoning_effort` (gpt-oss) know it, and a budget of 1024, 8192 or 24576 tokens with any other. A model of no format of
   * reasoning makes the last four a TypeError. Default `auto`.
   */
  reasoning?: 'auto' | 'off' | ReasoningLevel | { readonly budget: number } | undefined
}

/** The options of reasoning, as flags and defaults know them. */
export const reasoningTable = {
  reasoningParser: {
    ...check.oneOf('auto', ...reasoningParsers),
    default: 'auto',
    flag: { value: '<name>', help: 'think, harmony, …: how reasoning is marked', rare: true },
  },
  reasoning: {
    ...check.either(check.oneOf('auto', 'off', 'low', 'medium', 'high'), budget),
    default: 'auto',
    chatOnly: true,
    flag: { value: '<how>', help: 'auto, off, low, medium, high: thinking first', rare: true },
  },
} as const satisfies Table<ReasoningOptions>

export const reasoningDefaults = defaultsOf(reasoningTable)
