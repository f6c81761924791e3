import { type ChatOptions, encodeTable } from './encode.js'
import { type GenerationOptions, generationTable } from './generation.js'
import type { Table } from './table.js'

/** Options of `llm.warm`: those that shape the prompt, and those of waiting. */
export type WarmOptions = Pick<
  GenerationOptions,
  | Exclude<keyof ChatOptions, 'maxTokens' | 'addGenerationPrompt' | 'continueFinalMessage'>
  | 'requestId'
  | 'priority'
  | 'timeout'
  | 'signal'
>

const { addGenerationPrompt: _, continueFinalMessage: __, ...encode } = encodeTable
const { requestId, priority, timeout, signal } = generationTable

/** The options of `llm.warm`. */
export const warmTable = { ...encode, requestId, priority, timeout, signal } as const satisfies Table<WarmOptions>
