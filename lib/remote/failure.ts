import { type ErrorCode, errorCodes, LLMError } from '../errors.js'
import { type HttpStatus, httpStatuses } from '../http-status.js'
import { optionNames } from './fields.js'

/** What a server says of a failure. */
export interface Said {
  /** Undefined for one in the middle of a stream. */
  status?: number | undefined
  body: unknown
  retryAfter?: number | undefined
}

/** Characters of a server's message that go into ours. */
const mostMessage = 1000

/** The error object of a body or an event: `{ error: {…} }`, `{ error: 'text' }`, or `{ object: 'error', … }` of older vLLMs. */
export function errorIn(body: unknown): Record<string, unknown> | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { error, object } = body as { error?: unknown; object?: unknown }
  if (typeof error === 'string') return { message: error }
  if (typeof error === 'object' && error !== null) return error as Record<string, unknown>
  return object === 'error' ? (body as Record<string, unknown>) : undefined
}

/**
 * What a server's failure is here: a TypeError for a request that it finds wrong, else an LLMError; `status` is that of the answer. An error of
 * this package's own server has the code that it has there.
 * @param where the server, for the message
 */
export function failureOf({ status, body, retryAfter }: Said, where: string): LLMError | TypeError {
  const said = errorIn(body) ?? {}
  const text = textOf(said['message']) || textOf(body) || 'no reason given'
  const begin = status === undefined ? where : `${where} answers ${status}`
  const theirs = typeof said['code'] === 'string' ? said['code'] : ''
  const code = codeOf(status, theirs, text)
  const error =
    code === undefined ? new TypeError(`${begin}: ${inOptions(text)}`) : new LLMError(code, `${begin}: ${text}`)
  if (status !== undefined) Reflect.set(error, 'status', status)
  if (retryAfter !== undefined) Reflect.set(error, 'retryAfter', retryAfter)
  return error
}

/** Undefined when the request is wrong. */
function codeOf(status: number | undefined, theirs: string, text: string): ErrorCode | undefined {
  if (Object.hasOwn(errorCodes, theirs)) return theirs as ErrorCode
  const known = Object.entries(httpStatuses).find(
    ([, { code }]: [string, HttpStatus]) => code !== undefined && code === theirs,
  )
  if (known) return known[0] as ErrorCode
  if (theirs === 'invalid_value' || theirs === 'unknown_parameter') return undefined
  if (theirs === 'model_not_found') return 'ERR_MODEL_NOT_FOUND'
  // vLLM, LocalAI and OpenVINO Model Server say it in words.
  if (
    (status === undefined || status === 400) &&
    /context (length|size|window)|max_model_len|exceeds? model max length/i.test(text)
  )
    return 'ERR_CONTEXT_LENGTH'
  if (status === undefined || status >= 500) return byStatus[status ?? 500] ?? 'ERR_ENGINE'
  return byStatus[status] ?? (wrongRequests.has(status) ? undefined : 'ERR_NETWORK')
}

/** What is wrong is the request. Any other 4xx that {@link byStatus} does not know is about the server, such as 405 of a wrong address. */
const wrongRequests: ReadonlySet<number> = new Set([400, 413, 415, 422])

/** What a status means of itself. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'ERR_ACCESS',
  402: 'ERR_ACCESS',
  403: 'ERR_ACCESS',
  404: 'ERR_MODEL_NOT_FOUND',
  407: 'ERR_ACCESS',
  408: 'ERR_TIMEOUT',
  429: 'ERR_QUEUE_FULL',
  502: 'ERR_UNAVAILABLE',
  503: 'ERR_UNAVAILABLE',
  504: 'ERR_TIMEOUT',
}

/** A message about fields, about the options that they stand for. */
const inOptions = (text: string): string =>
  text.replaceAll(/\b[a-z]+(?:_[a-z]+)*\b/g, (word) => optionNames.get(word) ?? word)

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : ''
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, mostMessage)
}
