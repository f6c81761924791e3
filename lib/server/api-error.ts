import { LLMError } from '../errors.js'
import { httpStatuses } from '../http-status.js'

interface Details {
  /** OpenAI's `type`. */
  type?: string
  /** For programs. */
  code?: string | null
  /** The field of the request that is wrong. */
  param?: string | null
  /** Seconds after which it may be tried again. */
  retryAfter?: number | undefined
  /** For the log. */
  cause?: unknown
}

/** An error as the HTTP API reports it. */
export class ApiError extends Error {
  readonly status: number
  readonly details: Details

  constructor(status: number, message: string, details: Details = {}) {
    super(message, { cause: details.cause })
    this.status = status
    this.details = details
  }

  /** A field of the request that is wrong. */
  static invalid(param: string | null, message: string): ApiError {
    return new ApiError(400, message, { param, code: 'invalid_value' })
  }

  /** OpenAI's shape. */
  get body(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    const {
      type = this.status < 500 ? 'invalid_request_error' : 'server_error',
      code = null,
      param = null,
    } = this.details
    return { error: { message: this.message, type, param, code } }
  }

  /** @param body for clients of another shape */
  responseWith(body: object = this.body): Response {
    const { retryAfter } = this.details
    return Response.json(body, {
      status: this.status,
      headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
    })
  }
}

/**
 * What a failed request is told.
 * @param fields names of the HTTP API by the options that they set: messages name those
 * @param body of the request
 */
export function apiErrorOf(
  error: unknown,
  fields: ReadonlyMap<string, string> = new Map(),
  body: Readonly<Record<string, unknown>> = {},
): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof LLMError) {
    const { status, ...details } = httpStatuses[error.code] ?? { status: 500 }
    const param = error.code === 'ERR_GRAMMAR' ? grammarField(error.message, body) : details.param
    return new ApiError(status, error.message, { code: error.code, ...details, ...(param !== undefined && { param }) })
  }
  if (error instanceof TypeError) {
    // Messages and tools are named by their place.
    let param = /^(?:expected )?(messages|tools)\b/.exec(error.message)?.[1] ?? null
    const message = error.message.replaceAll(/\b[a-z]+(?:[A-Z][a-z]*)+\b/g, (word) => {
      const field = fields.get(word)
      param ??= field ?? null
      return field ?? word
    })
    return ApiError.invalid(param, message)
  }
  // What it says may be about this machine.
  return new ApiError(500, 'the server failed to answer; its log says why')
}

/** The field whose schema cannot be obeyed: the format of the answer, unless there is none, or calls come instead of it. */
function grammarField(message: string, body: Readonly<Record<string, unknown>>): string | null {
  const format = ['response_format', 'text', 'format', 'output_config'].find((name) => body[name] !== undefined)
  const calls = message.startsWith('tool ') || format === undefined || body['tool_choice'] === 'required'
  return calls && body['tools'] ? 'tools' : (format ?? null)
}
