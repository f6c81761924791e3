/** What tokenizer and templates need to know about a model. It is plain data, which is sent to the worker thread. */
export interface TextSource {
  /** Absolute path of tokenizer.json, which the worker reads. */
  tokenizerPath: string
  /** tokenizer_config.json, merged with special_tokens_map.json; `{}` when there is none. */
  tokenizerConfig: Record<string, unknown>
  /** Chat templates by name (`default`, `tool_use`, `rag`, …); empty when the model has none. */
  templates: Record<string, string>
  /** The file that the templates came from; errors name it. */
  templateFile: string
  /** Whether a chat begins with BOS although neither template nor tokenizer writes it. */
  chatsNeedBos: boolean
}
