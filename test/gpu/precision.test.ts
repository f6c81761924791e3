import t from 'tap'
import { LLM, type TokenLogprob } from '#lib/index.js'
import { goldenTiny, loadTiny, tiny } from '../llm/fixtures.js'

// What a GPU computes in unless it is told otherwise: f16. Rounding moves log-probabilities, so tokens are compared up to where two of them
// are about equally likely. The stateful engine alone: the kernels of paged attention in f16 are wrong as this machine builds them
// (test/README.md).

const cases = goldenTiny()['tiny-llama']?.cases ?? []
/** The largest difference that was seen is 0.007. */
const near = 0.02

/** How far an answer's log-probabilities lie from the exact ones, and how many tokens are the same until the first other one. */
function distance(found: readonly TokenLogprob[], exact: readonly TokenLogprob[]): { furthest: number; same: number } {
  let furthest = 0
  for (const [same, { token, logprob }] of found.entries()) {
    const likely = exact[same]?.topLogprobs ?? []
    const its = likely.find((one) => one.token === token)?.logprob ?? Number.NEGATIVE_INFINITY
    // Another token must be about as likely as the best.
    furthest = Math.max(furthest, Math.abs(its - logprob), ((likely[0]?.logprob ?? 0) - its) / 2)
    if (token !== exact[same]?.token) return { furthest, same }
  }
  return { furthest, same: found.length }
}

t.test('f16, stateful: what the CPU computes in f32, but for rounding', async (t) => {
  const answers = async (llm: LLM) => {
    const found: (readonly TokenLogprob[])[] = []
    for (const { prompt, greedy } of cases) {
      const options = { temperature: 0, ignoreEos: true, logprobs: 5, maxNewTokens: greedy.length }
      found.push((await llm.generate({ tokens: prompt }, options)).logprobs ?? [])
    }
    return found
  }
  await using cpu = await loadTiny('tiny-llama-fp32', { engine: 'stateful' })
  const exact = await answers(cpu)
  await using llm = await LLM.load(tiny('tiny-llama-fp32'), { device: 'GPU', engine: 'stateful', precision: 'f16' })
  t.match(llm.info, { runner: 'stateful', precision: { inference: 'f16', kvCache: 'f16' } })
  const found = (await answers(llm)).map((answer, i) => distance(answer, exact[i] ?? []))
  for (const [i, { furthest, same }] of found.entries()) {
    const all = cases[i]?.greedy.length ?? 0
    t.ok(furthest < near, `prompt of ${cases[i]?.prompt.length}: ${same} of ${all} tokens, ${furthest}`)
    t.ok(same > all / 2)
  }
})
