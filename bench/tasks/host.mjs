// @ts-check
import { promptIds, timed } from '../request.mjs'

/**
 * What a token costs beside the model: with a runner that computes nothing, top-p, and text streamed to its consumer.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ newTokens: number, repetitions: number }} task
 */
export async function run(opened, { newTokens, repetitions }) {
  const microseconds = []
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const { start, arrivals } = await timed(opened, promptIds(4, repetition), newTokens, { sample: true })
    const elapsed = (arrivals.at(-1)?.at ?? Number.NaN) - start
    // The first one warms up.
    if (repetition > 0) microseconds.push((elapsed * 1000) / newTokens)
  }
  return { microseconds }
}
