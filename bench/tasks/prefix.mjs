// @ts-check
import { promptIds, timed } from '../request.mjs'

/**
 * Time to the first token of a prompt whose beginning was computed before, against a new prompt.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ shared: number, fresh: number, repetitions: number }} task
 */
export async function run(opened, { shared, fresh, repetitions }) {
  /** @param {number[]} prompt @param {boolean} reuse */
  const ttft = async (prompt, reuse) => {
    let cached = 0
    const { start, arrivals } = await timed(opened, prompt, 2, {
      reuse,
      onUsage: (usage) => {
        cached = usage.cachedTokens
      },
    })
    return { ttft: /** @type {{ at: number }} */ (arrivals[0]).at - start, cached }
  }
  const cold = []
  const warm = []
  // The first repetition warms up.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const beginning = promptIds(shared, 3 * repetition)
    const first = await ttft([...beginning, ...promptIds(fresh, 3 * repetition + 1)], false)
    const second = await ttft([...beginning, ...promptIds(fresh, 3 * repetition + 2)], true)
    if (repetition === 0) continue
    cold.push(first.ttft)
    warm.push(second)
  }
  return { cold, warm: warm.map(({ ttft }) => ttft), cached: warm.map(({ cached }) => cached) }
}
