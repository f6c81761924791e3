import { LLMError } from '../../errors.js'
import type { BosPolicy } from '../../options/encode.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { EncodedPrompt } from './encoded-prompt.js'

/**
 * Puts the beginning of `ids` in order.
 * @throws LLMError ERR_TOKENIZER_INVALID when the policy needs a bos_token and the tokenizer has none.
 */
export function applyBos(
  ids: number[],
  policy: Exclude<BosPolicy, 'auto'>,
  { bosTokenId, path }: Pick<Tokenizer, 'bosTokenId' | 'path'>,
): { tokens: Int32Array; bos: EncodedPrompt['bos'] } {
  const done = (list: number[], bos: EncodedPrompt['bos']) => ({ tokens: Int32Array.from(list), bos })
  if (policy === 'file') return done(ids, 'file')
  if (bosTokenId === undefined) {
    if (policy === 'never') return done(ids, 'kept')
    throw new LLMError(
      'ERR_TOKENIZER_INVALID',
      `${path}: bos '${policy}' needs a bos_token, found none in the tokenizer's files`,
    )
  }
  let leading = 0
  while (ids[leading] === bosTokenId) leading++
  const wanted = policy === 'ensure' ? 1 : 0
  if (leading === wanted) return done(ids, 'kept')
  return leading > wanted ? done(ids.slice(leading - wanted), 'removed') : done([bosTokenId, ...ids], 'added')
}
