// @ts-check
import { timed } from '../request.mjs'

/**
 * Answers with and without guessing from the prompt, in turns (A B B A). Greedy answers must have the same tokens; sampled
 * ones may differ.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ texts: import('../texts.mjs').Text[], newTokens: number, repetitions: number }} task
 */
export async function run(opened, { texts, newTokens, repetitions }) {
  const results = []
  for (const { name, kind, prompt, sample } of texts) {
    /** @param {boolean} lookup @param {number} count */
    const once = async (lookup, count) => {
      /** @type {number[]} */
      const tokens = []
      let usage = { draftTokens: 0, acceptedTokens: 0 }
      const { arrivals } = await timed(opened, prompt, count, {
        lookup,
        sample,
        reuse: true,
        onTokens: (part) => void tokens.push(...part),
        onUsage: (all) => {
          usage = all
        },
      })
      const [first, last] = [arrivals[0], arrivals.at(-1)]
      if (!first || !last) throw new Error(`${name}: no tokens`)
      return { tokens, usage, perToken: (last.at - first.at) / (count - first.count) }
    }
    await once(false, Math.min(8, newTokens))
    await once(true, newTokens)
    /** @type {{ plain: number[], lookup: number[] }} */
    const times = { plain: [], lookup: [] }
    let identical = true
    let expected = ''
    let usage = { draftTokens: 0, acceptedTokens: 0 }
    for (const lookup of Array.from({ length: repetitions }, (_, i) =>
      i % 2 ? [true, false] : [false, true],
    ).flat()) {
      const answer = await once(lookup, newTokens)
      times[lookup ? 'lookup' : 'plain'].push(answer.perToken)
      expected ||= answer.tokens.join()
      identical &&= answer.tokens.join() === expected
      if (lookup) usage = answer.usage
    }
    const { draftTokens, acceptedTokens } = usage
    results.push({ name, kind, ...times, identical: sample || identical, draftTokens, acceptedTokens })
  }
  return { texts: results }
}
