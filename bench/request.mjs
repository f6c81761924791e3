// @ts-check

/**
 * @typedef {import('./worker.mjs').Opened} Opened
 * @typedef {object} Run one answer as its consumer saw it
 * @property {number} start milliseconds
 * @property {import('./statistics.mjs').Arrival[]} arrivals
 */

/** New tokens of a request that warms up: only its first one counts. */
export const warmupTokens = 16

/**
 * Times every side in the same place: where the answer is consumed.
 * @param {Opened} opened
 * @param {number[] | string} prompt
 * @param {number} newTokens
 * @param {import('./worker.mjs').Ask} [ask]
 * @returns {Promise<Run>}
 */
export async function timed(opened, prompt, newTokens, ask) {
  /** @type {import('./statistics.mjs').Arrival[]} */
  const arrivals = []
  let total = 0
  const start = performance.now()
  for await (const count of opened.generate(prompt, newTokens, ask)) {
    if (count > 0) arrivals.push({ at: performance.now(), count })
    total += count
  }
  if (total !== newTokens) throw new Error(`expected ${newTokens} tokens, got ${total}`)
  return { start, arrivals }
}

/**
 * Ids that are not special tokens. The first differs for each number, so that no prefix can be reused.
 * @param {number} length
 * @param {number} number of the prompt, below 20,000
 */
export function promptIds(length, number) {
  return Array.from({ length }, (_, place) => ((place * 7919 + number * 5003) % 20000) + 300)
}
