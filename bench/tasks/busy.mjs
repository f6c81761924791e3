// @ts-check
import { promptIds, timed } from '../request.mjs'

/** Milliseconds that JavaScript computes, and then lets others run. */
const period = 10

/**
 * Whether decoding waits for JavaScript that is busy half of the time. For the scripted side, whose runner sleeps: a real
 * model would compete for the CPU.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ newTokens: number, repetitions: number }} task
 */
export async function run(opened, { newTokens, repetitions }) {
  /** @type {Record<'quiet' | 'busy', number[]>} tokens per second */
  const rates = { quiet: [], busy: [] }
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const mode of /** @type {const} */ (['quiet', 'busy'])) {
      const stop = mode === 'busy' ? keepBusy() : () => {}
      const { start, arrivals } = await timed(opened, promptIds(4, repetition), newTokens)
      stop()
      rates[mode].push((newTokens * 1000) / ((arrivals.at(-1)?.at ?? Number.NaN) - start))
    }
  }
  return { rates }
}

/** @returns {() => void} ends it */
function keepBusy() {
  const timer = setInterval(() => {
    const end = performance.now() + period
    while (performance.now() < end);
  }, 2 * period)
  return () => clearInterval(timer)
}
