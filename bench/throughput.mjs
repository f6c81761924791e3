// @ts-check

/**
 * @typedef {object} Throughput of answers that ran at once, in tokens per second
 * @property {number} total all new tokens in the whole time, the prefill of the prompts included
 * @property {number | undefined} decode while all of them decoded; undefined when there was no such time
 */

/**
 * @param {readonly import('./request.mjs').Run[]} runs at least one
 * @returns {Throughput}
 */
export function throughput(runs) {
  const arrivals = runs.flatMap((run) => run.arrivals)
  const firsts = runs.map((run) => run.arrivals[0]?.at ?? Number.NaN)
  const lasts = runs.map((run) => run.arrivals.at(-1)?.at ?? Number.NaN)
  const tokens = (/** @type {number} */ after, /** @type {number} */ until) =>
    arrivals.reduce((sum, { at, count }) => sum + (at > after && at <= until ? count : 0), 0)
  const begin = Math.min(...runs.map(({ start }) => start))
  const end = Math.max(...lasts)
  if (!Number.isFinite(begin + end)) throw new RangeError('expected answers with tokens')
  const allStarted = Math.max(...firsts)
  const firstEnded = Math.min(...lasts)
  const together = tokens(allStarted, firstEnded)
  return {
    total: (tokens(begin, end) * 1000) / (end - begin),
    // Fewer than a token of each would be a rate of chance.
    decode: together >= runs.length ? (together * 1000) / (firstEnded - allStarted) : undefined,
  }
}
