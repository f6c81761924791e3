import { runAll } from '../generation/generate-all.js'
import type { ScoringRequest } from '../generation/request.js'
import type { WarmOptions } from '../options/warm.js'
import type { TokenLogprob } from '../output/logprobs.js'

/** Tokens of which those from `from` on, which is at least 1, are scored. */
export interface ScoredTokens {
  tokens: Int32Array
  from: number
}

/** How tokens are scored. */
export interface Scorer {
  /** Computes tokens as a prompt, and gives the log-probabilities that the request asks for. */
  score(tokens: Int32Array, request: ScoringRequest): Promise<TokenLogprob[]>
  /** Sequences that are computed at once. */
  concurrency: number
  /** When the caller called, by `performance.now()`: a timeout is of everything together. */
  begun: number
}

/** Scores many at once, each token with the likeliest one of its place. What they have in common is computed once. */
export async function scoreTokens(
  items: Iterable<ScoredTokens>,
  { requestId, priority, timeout, signal }: Pick<WarmOptions, 'requestId' | 'priority' | 'timeout' | 'signal'>,
  { score, concurrency, begun }: Scorer,
): Promise<TokenLogprob[][]> {
  return await runAll(items, { concurrency, signal }, ({ tokens, from }, signal) => {
    const left = timeout && Math.max(1, timeout - (performance.now() - begun))
    const wanted = { maxNewTokens: 0, promptLogprobs: 1, promptLogprobsFrom: from }
    return score(tokens, { ...wanted, requestId, priority, timeout: left, signal })
  })
}
