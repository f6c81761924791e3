import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** How models write what they think before they answer. */
export const reasoningParsers = ['think', 'mistral', 'granite', 'gemma', 'harmony', 'none'] as const

/** A format of reasoning, or `auto`: the one that the model's chat template knows. */
export type ReasoningParser = 'auto' | (typeof reasoningParsers)[number]

/** Options that say how a model thinks before it answers. */
export interface ReasoningOptions {
  /**
   * How the model marks its reasoning, which comes as parts of its own: `think` (`<think>…</think>`: DeepSeek-R1, Qwen3, Phi-4-reasoning),
   * `mistral` (`[THINK]`), `granite`, `gemma`, `harmony` (gpt-oss), `none`. With `auto` the chat template tells; a prompt that is no chat
   * has none then. Default `auto`.
   */
  reasoningParser?: ReasoningParser | undefined
  /**
   * How much the model thinks. `auto`: as its template has it. `off`: not at all. `low`, `medium`, `high`: as templates with a
   * `reasoning_effort` (gpt-oss) know it. A template that has no such switch makes it a TypeError. Default `auto`.
   */
  reasoning?: 'auto' | 'off' | 'low' | 'medium' | 'high' | undefined
}

/** The options of reasoning, as flags and defaults know them. */
export const reasoningTable = {
  reasoningParser: {
    ...check.oneOf('auto', ...reasoningParsers),
    default: 'auto',
    flag: { value: '<name>', help: 'think, harmony, …: how reasoning is marked', rare: true },
  },
  reasoning: {
    ...check.oneOf('auto', 'off', 'low', 'medium', 'high'),
    default: 'auto',
    chatOnly: true,
    flag: { value: '<how>', help: 'auto, off, low, medium, high: thinking first', rare: true },
  },
} as const satisfies Table<ReasoningOptions>

export const reasoningDefaults = defaultsOf(reasoningTable)
