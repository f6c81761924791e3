import type { LLM } from '../llm.js'
import type { Speed } from './trial.js'

const wanted = { promptTokens: 512, answerTokens: 64, requests: 3 }

/** How fast a model answers: medians of a few requests after one that is not counted. */
export async function measureSpeed(llm: LLM): Promise<Speed> {
  const { contextLength, maxPromptLength, vocabularySize } = llm.info
  const answerTokens = Math.min(wanted.answerTokens, Math.max(2, Math.floor(contextLength / 4)))
  const promptTokens = Math.max(1, Math.min(wanted.promptTokens, maxPromptLength, contextLength - answerTokens))
  const prefill: number[] = []
  const decode: number[] = []
  for (let i = 0; i <= wanted.requests; i++) {
    // Each begins with another token, so that nothing of one is found in the cache for the next.
    const tokens = Array.from({ length: promptTokens }, (_, k) => ((i + 1) * 7919 + k * 104_729) % vocabularySize)
    const options = { temperature: 0, ignoreEos: true, maxNewTokens: answerTokens }
    const { timings } = await llm.generate({ tokens }, options)
    if (i === 0) continue
    prefill.push((1000 * promptTokens) / timings.prefill)
    decode.push(timings.tokensPerSecond)
  }
  return { promptTokens, answerTokens, prefill: median(prefill), decode: median(decode) }
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
