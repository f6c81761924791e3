import { LLMError } from '../errors.js'
import { generationTable } from '../options/generation.js'

/** An error of a call, with the id that the caller gave the request. What the caller aborts with stays as it is. */
export function withRequestId(
  error: unknown,
  options: { requestId?: string | undefined; signal?: AbortSignal | undefined } | null | undefined,
): unknown {
  const id = options?.requestId
  const ours = error instanceof LLMError || (error instanceof TypeError && error !== options?.signal?.reason)
  if (ours && generationTable.requestId.accepts(id)) Reflect.set(error, 'requestId', id)
  return error
}
