// @ts-check
import { median } from '../statistics.mjs'

/** @type {string[]} */
export const peers = []

const shared = 1000
const fresh = 32
const repetitions = 3

/**
 * What it saves when the beginning of a prompt was computed before.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ sides }) {
  const setups = sides({
    task: { kind: 'prefix', shared, fresh, repetitions },
    context: shared + fresh + 16,
    sequences: 4,
  })
  const ours = setups[0]?.label ?? ''
  return {
    title: `time to first token with ${shared} shared prefix tokens and ${fresh} new ones, against cold`,
    setups,
    figures: [
      { key: 'cold', name: 'cold TTFT, ms' },
      { key: 'warm', name: 'TTFT with the prefix in the cache, ms' },
      { key: 'cached', name: 'prompt tokens from the cache' },
    ],
    quotients: [{ row: 'TTFT, lower is better', column: 'to cold', over: [ours, 'warm'], under: [ours, 'cold'] }],
    notes: (answers) =>
      (answers.get(ours) ?? []).some(({ cached }) => Math.min(...cached) === 0)
        ? ['WRONG: a shared prefix was computed again; no token of it came from the cache.']
        : [],
    values: ({ cold, warm, cached }) => ({ cold: median(cold), warm: median(warm), cached: median(cached) }),
  }
}
