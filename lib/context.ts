import { LLMError } from './errors.js'
import type { ModelDefinition } from './model/definition.js'
import type { ReadyInfo } from './native/addon.js'

/**
 * How many positions prompt and answer share: what the files say, what the graph allows, what the caller wants; the least of them.
 * @throws LLMError `ERR_CONTEXT_LENGTH` when the caller wants more than there is.
 */
export function contextOf(
  definition: Pick<ModelDefinition, 'contextLength' | 'contextReason'>,
  ready: Pick<ReadyInfo, 'longRopeThreshold' | 'kvCache'>,
  wanted: number | undefined,
): { length: number; reason: string } {
  let length = definition.contextLength
  let reason = definition.contextReason
  const { longRopeThreshold } = ready
  if (longRopeThreshold > 0 && longRopeThreshold < length) {
    length = longRopeThreshold
    reason =
      `the graph switches its LongRoPE factors at ${longRopeThreshold} positions, ` +
      'and keys computed before would be wrong after; this version stays below'
  }
  const { tokens } = ready.kvCache
  if (tokens > 0 && tokens < length) {
    length = tokens
    reason = `the KV cache holds ${tokens} tokens: kvCacheBytes`
  }
  if (wanted === undefined || wanted === length) return { length, reason }
  if (wanted > length) {
    const because = reason === '' ? '' : ` (${reason})`
    throw new LLMError(
      'ERR_CONTEXT_LENGTH',
      `option contextLength: expected at most ${length}${because}, found ${wanted}`,
    )
  }
  return { length: wanted, reason: 'option contextLength' }
}
