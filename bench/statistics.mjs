// @ts-check

/**
 * @typedef {{ at: number, count: number }} Arrival `count` ≥ 1 tokens that the consumer got at `at` milliseconds
 * @typedef {object} RequestTimes all in milliseconds
 * @property {number} ttft from the call to the first token at the consumer
 * @property {number[]} intervals one for each token after the first arrival
 *
 * @typedef {object} Segment what one process measured of requests one after the other
 * @property {number} load milliseconds from the first call to ready
 * @property {RequestTimes[]} requests the first one is the first after the load
 * @property {{ anonymous: number, file: number } | null} [memory] resident bytes after the last request
 * @property {{ p50: number, p99: number, max: number }} [loop] event-loop delay in milliseconds during all but the first
 *   request; a side in Python has none
 *
 * @typedef {Record<string, number | undefined>} Values of one segment, by the key of a {@link Metric}
 * @typedef {{ key: string, name: string, unit: string, better: 'lower' | 'higher' }} Metric
 * @typedef {{ median: number, min: number, max: number }} Ratio
 */

/** @type {Metric[]} */
export const metrics = [
  { key: 'load', name: 'load to ready', unit: 'ms', better: 'lower' },
  { key: 'firstTtft', name: 'first request after load, TTFT', unit: 'ms', better: 'lower' },
  { key: 'loadToToken', name: 'load to first token', unit: 'ms', better: 'lower' },
  { key: 'ttft', name: 'TTFT', unit: 'ms', better: 'lower' },
  { key: 'tpotP50', name: 'TPOT p50', unit: 'ms', better: 'lower' },
  { key: 'tpotP95', name: 'TPOT p95', unit: 'ms', better: 'lower' },
  { key: 'decodeRate', name: 'decode', unit: 'tokens/s', better: 'higher' },
  { key: 'prefillRate', name: 'prefill', unit: 'tokens/s', better: 'higher' },
  { key: 'totalRate', name: 'prompt and new tokens together', unit: 'tokens/s', better: 'higher' },
  { key: 'resident', name: 'resident memory', unit: 'MB', better: 'lower' },
  { key: 'anonymous', name: 'resident memory, anonymous', unit: 'MB', better: 'lower' },
  { key: 'file', name: 'resident memory, file', unit: 'MB', better: 'lower' },
  { key: 'loopP50', name: 'event-loop delay p50', unit: 'ms', better: 'lower' },
  { key: 'loopP99', name: 'event-loop delay p99', unit: 'ms', better: 'lower' },
  { key: 'loopMax', name: 'event-loop delay max', unit: 'ms', better: 'lower' },
]

/**
 * @param {readonly number[]} values at least one, in any order
 * @param {number} fraction 0 to 1; between two values it is interpolated
 * @throws {RangeError} without values: a median of nothing would pass for a measurement
 */
export function quantile(values, fraction) {
  if (values.length === 0) throw new RangeError('expected at least one value')
  const sorted = Float64Array.from(values).sort()
  const place = fraction * (sorted.length - 1)
  const low = Math.floor(place)
  const below = /** @type {number} */ (sorted[low])
  const above = sorted[low + 1] ?? below
  return below + (above - below) * (place - low)
}

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5)
}

/**
 * Tokens that arrive together share the time since the arrival before.
 * @param {number} start when the request was made, in milliseconds
 * @param {readonly Arrival[]} arrivals at least one
 * @returns {RequestTimes}
 */
export function requestTimes(start, arrivals) {
  const [first, ...others] = arrivals
  if (!first) throw new RangeError('expected at least one token')
  let last = first.at
  const intervals = []
  for (const { at, count } of others) {
    for (let token = 0; token < count; token++) intervals.push((at - last) / count)
    last = at
  }
  return { ttft: first.at - start, intervals }
}

/**
 * The figures of one segment. Its first request is a warm-up: it only counts as the first after the load.
 * @param {Segment} segment
 * @param {number} prompt tokens
 * @returns {Values}
 */
export function summarize({ load, requests, memory, loop }, prompt) {
  const [first, ...measured] = requests
  if (!first) throw new RangeError('expected at least one request')
  const intervals = measured.flatMap((request) => request.intervals)
  const ttft = median(measured.map((request) => request.ttft))
  return {
    load,
    firstTtft: first.ttft,
    loadToToken: load + first.ttft,
    ttft,
    tpotP50: median(intervals),
    tpotP95: quantile(intervals, 0.95),
    decodeRate: median(measured.map((request) => rate(request.intervals.length, sum(request.intervals)))),
    prefillRate: rate(prompt, ttft),
    totalRate: median(
      measured.map(({ ttft, intervals }) => rate(prompt + 1 + intervals.length, ttft + sum(intervals))),
    ),
    resident: memory ? (memory.anonymous + memory.file) / 1e6 : undefined,
    anonymous: memory ? memory.anonymous / 1e6 : undefined,
    file: memory ? memory.file / 1e6 : undefined,
    loopP50: loop?.p50,
    loopP99: loop?.p99,
    loopMax: loop?.max,
  }
}

/**
 * @param {number} tokens
 * @param {number} milliseconds
 */
function rate(tokens, milliseconds) {
  return (tokens * 1000) / milliseconds
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}
