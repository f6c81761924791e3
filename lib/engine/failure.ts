import { type ErrorCode, errorCodes, LLMError } from '../errors.js'

/** A `failed` event as an error. A code that is not in the catalogue would be a defect of the addon, and is shown as such. */
export function nativeError(event: { code: string; message: string }): LLMError {
  if (event.code in errorCodes) return new LLMError(event.code as ErrorCode, event.message)
  return new LLMError('ERR_ENGINE', `${event.code}: ${event.message}`)
}
