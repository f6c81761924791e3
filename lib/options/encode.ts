import * as check from './rules.js'
import type { Table } from './table.js'
import { type ToolOptions, toolsTable } from './tools.js'

/**
 * Where a beginning-of-sequence token stands.
 * - `file`: where the tokenizer's files and the template put it.
 * - `ensure`: exactly one at the start.
 * - `never`: none at the start.
 * - `auto` (default): `ensure` for chat messages of the model type `phi3`, whose model cards ask for it; else `file`.
 */
export type BosPolicy = 'auto' | 'file' | 'ensure' | 'never'

/** Options of one encoding. */
export interface EncodeOptions {
  /** Default `auto`. */
  bos?: BosPolicy | undefined
  /**
   * Whether special tokens in the text, or in the contents of messages, are plain text: `<|end|>` in it is then no stop token.
   * Default false.
   */
  splitSpecialTokens?: boolean | undefined
}

/**
 * Options of rendering chat messages, beside {@link EncodeOptions}. Names as in transformers' `apply_chat_template`, in
 * camelCase.
 */
export interface ChatOptions extends EncodeOptions, ToolOptions {
  /** Whether the template opens the assistant's answer. Default true. */
  addGenerationPrompt?: boolean | undefined
  /** Whether the answer continues the last message, which must be the assistant's. Default false. */
  continueFinalMessage?: boolean | undefined
  /** Documents for retrieval templates. */
  documents?: readonly unknown[] | undefined
  /** Further variables for the template, e.g. `{ enable_thinking: false }`. */
  chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined
  /**
   * Name of one of the model's templates, or a template itself. When tools are given and the model has a template `tool_use`, the
   * default is that one, else `default`.
   */
  chatTemplate?: string | undefined
  /** The system message of conversations that have none; '' for none. By default that of a model.yaml, if one was loaded. */
  systemPrompt?: string | undefined
  /**
   * What to do with a system message that the template would drop or refuse: `warn`, or `merge-user`, which puts it before the next
   * message of the user. Default `warn`.
   */
  systemFallback?: 'warn' | 'merge-user' | undefined
  /**
   * Drop the oldest messages until at most this many tokens remain, but never a system message or the last message. By default none
   * are dropped.
   */
  maxTokens?: number | undefined
}

/** The options of encoding, which `tokenize` takes too. */
export const encodeTable = {
  bos: {
    ...check.oneOf('auto', 'file', 'ensure', 'never'),
    default: 'auto',
    flag: { value: '<policy>', help: 'auto, file, ensure or never: token at the start', rare: true },
  },
  splitSpecialTokens: {
    ...check.boolean,
    default: false,
    flag: { help: 'special tokens in the text are plain text', rare: true },
  },
  addGenerationPrompt: { ...check.boolean, default: true, chatOnly: true },
  continueFinalMessage: {
    ...check.boolean,
    default: false,
    chatOnly: true,
    pipeline: 'continue_final_message',
  },
  ...toolsTable,
  documents: {
    ...check.array,
    chatOnly: true,
    pipeline: 'documents',
    flag: { value: '<json>', help: 'documents for the chat template', several: 'json', rare: true },
  },
  chatTemplateKwargs: {
    ...check.object,
    chatOnly: true,
    flag: { value: '<json>', help: 'further variables for the chat template', several: 'json', rare: true },
  },
  chatTemplate: {
    ...check.string,
    chatOnly: true,
    flag: { value: '<name>', help: "one of the model's templates, or a template", rare: true },
  },
  // No flag: the command line's `--system` is a message.
  systemPrompt: { ...check.string, chatOnly: true },
  systemFallback: {
    ...check.oneOf('warn', 'merge-user'),
    default: 'warn',
    chatOnly: true,
    flag: { value: '<how>', help: 'warn, merge-user: if the template drops system', rare: true },
  },
} as const satisfies Table<Omit<ChatOptions, 'maxTokens'>>
