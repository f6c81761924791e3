import type { ErrorCode } from './errors.js'

/** What HTTP says of an error code. */
export interface HttpStatus {
  status: number
  /** OpenAI's `type`. */
  type?: string
  /** OpenAI's `code`, where it is not ours. */
  code?: string
  /** The field of the request that is wrong. */
  param?: string
  /** Seconds after which it may be tried again. */
  retryAfter?: number
}

/** Failures that are not the server's fault, or pass. Everything else is a 500. A server writes by this table, and a client reads by it. */
export const httpStatuses: Partial<Record<ErrorCode, HttpStatus>> = {
  ERR_TOKEN_ID: { status: 400 },
  ERR_CONTEXT_LENGTH: { status: 400, code: 'context_length_exceeded' },
  ERR_NO_CHAT_TEMPLATE: { status: 400, param: 'messages' },
  ERR_TEMPLATE: { status: 400, param: 'messages' },
  ERR_TEXT_TIMEOUT: { status: 400 },
  ERR_TEXT_MEMORY: { status: 400 },
  ERR_NO_TOKEN: { status: 400 },
  ERR_NO_STREAMING: { status: 400, param: 'stream' },
  ERR_GRAMMAR: { status: 400 },
  ERR_NOT_BUILT: { status: 501 },
  ERR_UNSUPPORTED_MODEL: { status: 400 },
  ERR_QUEUE_FULL: { status: 429, type: 'rate_limit_error', code: 'queue_full', retryAfter: 1 },
  ERR_TIMEOUT: { status: 504, code: 'timeout' },
  ERR_CLOSED: { status: 503 },
  ERR_UNAVAILABLE: { status: 503, retryAfter: 5 },
  ERR_OUT_OF_MEMORY: { status: 503, retryAfter: 5 },
}
