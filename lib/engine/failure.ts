import { type ErrorCode, errorCodes, LLMError } from '../errors.js'

/**
 * An error that several callers get, as an error of one of them: each adds its own call site to the stack.
 * @returns an error of the same code and message, with the shared one as its `cause`; what is no Error as it is
 */
export function ownError(shared: unknown): unknown {
  if (shared instanceof LLMError) return new LLMError(shared.code, shared.message, { cause: shared })
  if (!(shared instanceof Error)) return shared
  return Object.assign(new Error(shared.message, { cause: shared }), { name: shared.name })
}

/** A `failed` event as an error. A code that is not in the catalogue would be a defect of the addon, and is shown as such. */
export function nativeError(event: { code: string; message: string }): LLMError {
  if (event.code in errorCodes) return new LLMError(event.code as ErrorCode, event.message)
  return new LLMError('ERR_ENGINE', `${event.code}: ${event.message}`)
}
