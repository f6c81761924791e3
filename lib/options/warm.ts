import type { ChatOptions } from './encode.js'
import { encodeRules } from './encode.js'
import type { GenerationOptions } from './generation.js'
import { generationRules } from './generation.js'
import type { Rule } from './rules.js'
import * as check from './rules.js'

/** Options of `llm.warm`: those that shape the prompt, and those of waiting. */
export type WarmOptions = Pick<
  GenerationOptions,
  | Exclude<keyof ChatOptions, 'maxTokens' | 'addGenerationPrompt' | 'continueFinalMessage'>
  | 'priority'
  | 'timeout'
  | 'signal'
>

/** Every option of `llm.warm`. */
export const warmRules: Record<keyof WarmOptions, Rule> = {
  bos: encodeRules.bos,
  splitSpecialTokens: encodeRules.splitSpecialTokens,
  tools: encodeRules.tools,
  documents: encodeRules.documents,
  chatTemplateKwargs: encodeRules.chatTemplateKwargs,
  chatTemplate: encodeRules.chatTemplate,
  systemFallback: encodeRules.systemFallback,
  priority: generationRules.priority,
  timeout: generationRules.timeout,
  signal: check.signal,
}
