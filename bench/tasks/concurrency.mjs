// @ts-check
import { promptIds, timed } from '../request.mjs'
import { throughput } from '../throughput.mjs'

/** Tokens of the run that warms a number of streams up: kernels are made per number of rows. */
const warmup = 4

/**
 * Several answers at once, for each number of streams in turn.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ streams: number[], prompt: number, newTokens: number }} task
 */
export async function run(opened, { streams, prompt, newTokens }) {
  let number = 0
  const together = (/** @type {number} */ count, /** @type {number} */ tokens) =>
    Promise.all(
      Array.from({ length: count }, (_, stream) => timed(opened, promptIds(prompt, number++), tokens, { stream })),
    )
  /** @type {Record<string, import('../throughput.mjs').Throughput>} */
  const rates = {}
  for (const count of streams) {
    await together(count, Math.min(warmup, newTokens))
    rates[count] = throughput(await together(count, newTokens))
  }
  return { rates }
}
