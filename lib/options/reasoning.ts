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
}

/** The options of reasoning. */
export const reasoningTable = {
  reasoningParser: {
    ...check.oneOf('auto', ...reasoningParsers),
    default: 'auto',
    flag: { value: '<name>', help: 'think, harmony, …: how reasoning is marked', rare: true },
  },
} as const satisfies Table<ReasoningOptions>

export const reasoningDefaults = defaultsOf(reasoningTable)
