import { LLMError } from '../errors.js'

/**
 * An error that several callers get, as an error of one of them: each adds its own call site to the stack.
 * @returns an error of the same code and message, with the shared one as its `cause`; what is no Error as it is
 */
export function ownError(shared: unknown): unknown {
  if (shared instanceof LLMError) return new LLMError(shared.code, shared.message, { cause: shared })
  if (!(shared instanceof Error)) return shared
  return Object.assign(new Error(shared.message, { cause: shared }), { name: shared.name })
}
