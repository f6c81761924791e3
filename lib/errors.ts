/**
 * The catalogue of error codes. A code never changes its meaning; messages may.
 * Misuse of the API (a wrong type, an unknown option) is a `TypeError`, not one of these.
 */
export const errorCodes = {
  ERR_REFERENCE: 'the reference is not well formed, or names no model or several',
  ERR_MODEL_NOT_FOUND: 'the model, or a file it needs, does not exist',
  ERR_MODEL_UNREADABLE: 'the model exists but the process may not read it',
  ERR_MODEL_INVALID: 'a file of the model is damaged or does not hold what it should',
  ERR_UNSUPPORTED_MODEL: 'the model is sound but not a text decoder that this version runs',
  ERR_TOKENIZER_INVALID: 'a tokenizer file is damaged or too large',
  ERR_UNSUPPORTED_TOKENIZER: 'the tokenizer is of a kind this version does not know',
  ERR_NO_CHAT_TEMPLATE: 'chat messages were given but the model has no chat template',
  ERR_TEMPLATE: 'the chat template is not valid or refused the messages',
  ERR_TEXT_TIMEOUT: 'a chat template or the tokenizer ran past its deadline',
  ERR_TEXT_MEMORY: 'a chat template or the tokenizer ran out of its memory',
  ERR_TOKEN_ID: 'a token id lies outside the vocabulary',
  ERR_CONTEXT_LENGTH: 'the prompt does not fit the context',
  ERR_DEVICE: 'the device is not present, not known, or not supported by this version',
  ERR_PROPERTY: 'the device refuses an OpenVINO property or its value',
  ERR_NON_FINITE: 'the model computed NaN or infinite logits',
  ERR_NO_TOKEN: 'the options of a request ban every token that could follow',
  ERR_GRAMMAR: 'a schema or grammar is not valid, not supported, or too much to compute',
  ERR_NOT_BUILT: 'the native addon was built without what the request needs',
  ERR_OUT_OF_MEMORY: 'the runtime could not allocate memory',
  ERR_ENGINE: 'the runtime failed while computing',
  ERR_CONVERT: 'a GGUF file could not be converted',
  ERR_CACHE: 'the cache folder cannot be written',
  ERR_NETWORK: 'the hub or a server cannot be reached, or does not answer as it should',
  ERR_ACCESS: 'the hub or a server refuses access: a repository is private or gated, or the token or key is not valid',
  ERR_OFFLINE: 'the cache lacks what is needed, and the network may not be used',
  ERR_INTEGRITY: 'a downloaded file has another size or hash than the hub says',
  ERR_DISK_FULL: 'the disk has no room for a download, or for joining a split GGUF',
  ERR_CLOSED: 'the model has been closed',
  ERR_QUEUE_FULL: 'more requests wait than maxQueue allows',
  ERR_UNAVAILABLE: 'the engine has failed repeatedly, and its next attempt has to wait',
  ERR_NO_STREAMING: 'answers of this model are changed as a whole, so they cannot be streamed',
  ERR_TIMEOUT: 'a request ran past its timeout',
  ERR_INVALID_VALUE: 'an answer does not pass the validation of its schema',
  ERR_FILTER: 'the content filter of a request failed',
  ERR_TASK_FILE: 'a task file or a results file of an evaluation does not hold what it should',
  ERR_ADDON_NOT_FOUND: 'the native addon is missing or cannot be loaded',
  ERR_ADDON_MISMATCH: 'the native addon, or the OpenVINO in this process, is of another version',
  ERR_SYSTEM: 'the operating system or the processor cannot run the native addon',
} as const

/** One of the stable codes of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes

/** Every failure that is not misuse of the API. `code` is stable; `message` is for people. */
export class LLMError extends Error {
  override readonly name = 'LLMError'
  readonly code: ErrorCode
  /** The id of the request that rejected with it; absent where there is none. */
  declare readonly requestId?: string
  /** Seconds after which a server may be asked again; absent when it does not say. */
  declare readonly retryAfter?: number
  /** The HTTP status of the server that failed; absent where none has answered. */
  declare readonly status?: number

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
