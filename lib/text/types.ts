/** A chat message. Further fields (`tool_calls`, `name`, …) are handed to the model's chat template as they are. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or whatever the template knows. */
  role: string
  /** Text, or parts of which only `{ type: 'text', text }` is understood by text models. */
  content?: string | null | readonly { type: string; [field: string]: unknown }[]
  [field: string]: unknown
}

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
