/** A chat message. Further fields (`tool_calls`, `name`, …) are handed to the model's chat template as they are. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or whatever the template knows. */
  role: string
  /** Text, or parts of which only `{ type: 'text', text }` is understood by text models. */
  content?: string | null | readonly { type: string; [field: string]: unknown }[]
  [field: string]: unknown
}

/**
 * Where a beginning-of-sequence token stands.
 * - `file`: as the tokenizer's files and the template say.
 * - `ensure`: exactly one at the start.
 * - `never`: none at the start.
 * - `auto` (default): for chat messages `ensure` when the model type is `phi3`, whose model cards ask for it; else
 * `file`.
 */
export type BosPolicy = 'auto' | 'file' | 'ensure' | 'never'

/** What the text pipeline needs to know of a model. Plain data: it is sent to the worker thread. */
export interface TextSource {
  /** Absolute path of tokenizer.json; read and parsed in the worker. */
  tokenizerPath: string
  /** Parsed tokenizer_config.json, merged with special_tokens_map.json; `{}` when there is none. */
  tokenizerConfig: Record<string, unknown>
  /** Chat templates by name (`default`, `tool_use`, `rag`, …); empty when the model has none. */
  templates: Record<string, string>
  /** Which file the templates came from, for messages. */
  templateFile: string
  /** `model_type` of config.json. */
  modelType: string
}

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

/** A prompt as the model sees it. */
export interface EncodedPrompt {
  tokens: Int32Array
  /** The rendered text, or the given one. */
  text: string
  /**
   * What was done about the beginning-of-sequence token: `file`: nothing was to be done; `kept`: what the policy asks
   * for was there; `added`: one was missing; `removed`: there were too many.
   */
  bos: 'file' | 'kept' | 'added' | 'removed'
  /** Messages that were dropped by `maxTokens`. */
  droppedMessages: number
  /** Roles of the messages with text that the template did not render, e.g. `['system']`. */
  ignoredRoles: string[]
}
