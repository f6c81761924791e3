// @ts-check
import { promptIds, timed } from '../request.mjs'
import { quantile, requestTimes } from '../statistics.mjs'

/**
 * How a running stream keeps its pace while a long prompt is computed beside it.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ prompt: number, newTokens: number, quietTokens: number }} task the stream has `newTokens`; the prompt of `prompt`
 *   tokens comes after `quietTokens` of them
 */
export async function run(opened, { prompt, newTokens, quietTokens }) {
  // Warm-up: both sizes of step, and a batch of two.
  await Promise.all([timed(opened, promptIds(32, 0), 8), timed(opened, promptIds(256, 1), 2, { stream: 1 })])
  let count = 0
  /** @type {Promise<import('../request.mjs').Run> | undefined} */
  let long
  /** @type {import('../worker.mjs').Opened} */
  const watched = {
    ...opened,
    async *generate(ids, tokens, ask) {
      for await (const part of opened.generate(ids, tokens, ask)) {
        count += part
        yield part
        if (count >= quietTokens) long ??= timed(opened, promptIds(prompt, 2), 1, { stream: 1 })
      }
    },
  }
  const stream = await timed(watched, promptIds(32, 3), newTokens)
  const beside = await /** @type {Promise<import('../request.mjs').Run>} */ (long)
  const until = beside.arrivals[0]?.at ?? Number.NaN
  /** @param {(at: number, before: number) => boolean} belongs whether an interval from `before` to `at` does */
  const p95 = (belongs) => {
    const [first, ...rest] = stream.arrivals
    const parts = rest.map((arrival, i) => ({ arrival, before: (rest[i - 1] ?? first)?.at ?? Number.NaN }))
    const intervals = parts
      .filter(({ arrival, before }) => belongs(arrival.at, before))
      .flatMap(({ arrival, before }) => requestTimes(before, [{ at: before, count: 1 }, arrival]).intervals)
    return quantile(intervals, 0.95)
  }
  return {
    quiet: p95((at) => at <= beside.start),
    loaded: p95((at) => at > beside.start && at <= until),
    ttft: until - beside.start,
    // The stream ended before the prompt was computed: the rest of the time had nothing beside it.
    complete: (stream.arrivals.at(-1)?.at ?? 0) >= until,
  }
}
