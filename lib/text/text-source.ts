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
