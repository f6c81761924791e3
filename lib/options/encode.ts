import type { Rule } from './rules.js'
import * as check from './rules.js'

/**
 * Where a beginning-of-sequence token stands.
 * - `file`: as the tokenizer's files and the template say.
 * - `ensure`: exactly one at the start.
 * - `never`: none at the start.
 * - `auto` (default): for chat messages `ensure` when the model type is `phi3`, whose model cards ask for it; else
 * `file`.
 */
export type BosPolicy = 'auto' | 'file' | 'ensure' | 'never'

/** Options of one encoding. */
export interface EncodeOptions {
  /** Default `auto`. */
  bos?: BosPolicy | undefined
  /**
   * Encode the contents of messages, or the text, as plain text: `<|end|>` in it is then no stop token. Default false.
   */
  splitSpecialTokens?: boolean | undefined
}

/**
 * Options of rendering chat messages, beside {@link EncodeOptions}. Names as in transformers' `apply_chat_template`, in
 * camelCase.
 */
export interface ChatOptions extends EncodeOptions {
  /** Default true. */
  addGenerationPrompt?: boolean | undefined
  /**
   * Leave the last message open so that the answer continues it. Default false; needs an assistant message at the end.
   */
  continueFinalMessage?: boolean | undefined
  /** JSON-schema tools, handed to the template. */
  tools?: readonly unknown[] | undefined
  /** Documents for retrieval templates. */
  documents?: readonly unknown[] | undefined
  /** Further variables for the template, e.g. `{ enable_thinking: false }`. */
  chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined
  /**
   * Name of one of the model's templates, or a template itself. Default: `tool_use` when tools are given and the model
   * has it, else `default`.
   */
  chatTemplate?: string | undefined
  /** What to do with a system message that the template would drop or refuse. Default `warn`. */
  systemFallback?: 'warn' | 'merge-user' | undefined
  /**
   * Drop the oldest messages (never a system message, never the last) until at most this many tokens remain. Default:
   * none are dropped.
   */
  maxTokens?: number | undefined
}

const bosPolicies: BosPolicy[] = ['auto', 'file', 'ensure', 'never']

const chatRules: Record<keyof Omit<ChatOptions, 'maxTokens' | 'bos' | 'splitSpecialTokens'>, Rule> = {
  addGenerationPrompt: check.boolean,
  continueFinalMessage: check.boolean,
  tools: check.array,
  documents: check.array,
  chatTemplateKwargs: check.object,
  chatTemplate: check.string,
  systemFallback: check.oneOf('warn', 'merge-user'),
}

/** Options that only chat messages can have. */
export const chatOptionNames: readonly string[] = [...Object.keys(chatRules), 'contextOverflow']

/** Rules of encoding, which `tokenize` takes too. */
export const encodeRules: Record<keyof Omit<ChatOptions, 'maxTokens'>, Rule> = {
  ...chatRules,
  bos: check.oneOf(...bosPolicies),
  splitSpecialTokens: check.boolean,
}
