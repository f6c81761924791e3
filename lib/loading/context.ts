import type { ReadyInfo } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import type { ModelDefinition } from '../model/definition.js'
import type { LoadOptions } from '../options/load.js'

/** How many positions there are, and why not as many as config.json says ('' when they are). */
export interface Context {
  length: number
  reason: string
}

/**
 * How many positions prompt and answer share: what the files say, what the graph allows, what the caller wants; the least of them.
 * @throws LLMError `ERR_CONTEXT_LENGTH` when the caller wants more than there is, `ERR_UNSUPPORTED_MODEL` when `ropeRegime` asks for factors
 * that the model does not have.
 */
export function contextOf(
  definition: Pick<ModelDefinition, 'contextLength' | 'contextReason' | 'longRopeBorder'>,
  ready: Pick<ReadyInfo, 'longRopeBorder' | 'ropeRegime' | 'kvCache' | 'maxPrompt'>,
  { contextLength: wanted, ropeRegime }: Pick<LoadOptions, 'contextLength' | 'ropeRegime'> = {},
): Context {
  const limits: Context[] = [{ length: definition.contextLength, reason: definition.contextReason }]
  const short = shortFactorsOnly(definition, ready, ropeRegime)
  if (short) limits.push(short)
  const { tokens } = ready.kvCache
  if (tokens > 0) {
    const compiled = `the model is compiled for prompts of ${ready.maxPrompt} tokens and ${tokens} in all: maxPromptLength, minResponseLength`
    const reason = ready.maxPrompt > 0 ? compiled : `the KV cache holds ${tokens} tokens: kvCacheBytes`
    limits.push({ length: tokens, reason })
  }
  const least = limits.reduce((a, b) => (b.length < a.length ? b : a))
  if (wanted === undefined || wanted === least.length) return least
  if (wanted > least.length) {
    const because = least.reason === '' ? '' : ` (${least.reason})`
    throw new LLMError(
      'ERR_CONTEXT_LENGTH',
      `option contextLength: expected at most ${least.length}${because}, found ${wanted}`,
    )
  }
  return { length: wanted, reason: 'option contextLength' }
}

/** Where the context ends because the long factors of LongRoPE cannot, or shall not, be used. */
function shortFactorsOnly(
  definition: Pick<ModelDefinition, 'longRopeBorder'>,
  { longRopeBorder, ropeRegime }: Pick<ReadyInfo, 'longRopeBorder' | 'ropeRegime'>,
  wanted: LoadOptions['ropeRegime'],
): Context | undefined {
  if (ropeRegime === 'none') {
    if (definition.longRopeBorder !== undefined) {
      return {
        length: definition.longRopeBorder,
        reason:
          `the graph holds one set of LongRoPE factors, and config.json says that it ends at ${definition.longRopeBorder} positions: ` +
          'an export by optimum-intel of mid-2026 or later holds both',
      }
    }
    if (wanted === undefined || wanted === 'auto') return undefined
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `option ropeRegime: the model has no LongRoPE factors, found '${wanted}'`,
    )
  }
  if (ropeRegime !== 'short') return undefined
  const reason =
    wanted === 'short'
      ? `the short LongRoPE factors end at ${longRopeBorder} positions: option ropeRegime`
      : `the graph changes its LongRoPE factors at ${longRopeBorder} positions, and on this device it cannot be told when: ` +
        "ropeRegime 'long' uses the long ones throughout"
  return { length: longRopeBorder, reason }
}
