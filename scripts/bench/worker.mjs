// @ts-check
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { residentMemory } from './machine.mjs'
import { requestTimes } from './statistics.mjs'

/**
 * @typedef {object} Setup what one segment does
 * @property {string} side the name of the module in this folder that drives the product
 * @property {string} module absolute path of the product's own module
 * @property {string} model absolute path of the GGUF
 * @property {number} threads
 * @property {number} prompt tokens
 * @property {number} newTokens
 * @property {number} requests ≥ 1; the first is the warm-up
 *
 * @typedef {object} Opened a product with the model loaded
 * @property {string} version
 * @property {Record<string, string>} settings as the product reports them
 * @property {(ids: number[], newTokens: number) => AsyncIterable<number>} generate one greedy answer that ignores the
 *   end tokens, computed from its first prompt token on; yields how many tokens have come, as they come
 * @property {() => Promise<void>} close
 */

/** New tokens of the request that warms up: only its first one counts. */
const warmupTokens = 16

/** Between two looks at the event loop, in milliseconds: more looks would cost the two sides time. */
const resolution = 5

/**
 * Loads the model and makes the requests, one after the other.
 * @param {Setup} setup
 * @returns {Promise<import('./statistics.mjs').Segment>}
 */
async function measure(setup) {
  const product = await import(pathToFileURL(setup.module).href)
  const { open } = await import(`./${setup.side}.mjs`)
  const begun = performance.now()
  /** @type {Opened} */
  const opened = await open(product, setup)
  const load = performance.now() - begun
  const delay = monitorEventLoopDelay({ resolution })
  const requests = []
  for (let repetition = 0; repetition < setup.requests; repetition++) {
    const first = repetition === 0
    const newTokens = first ? Math.min(warmupTokens, setup.newTokens) : setup.newTokens
    if (!first) delay.enable()
    requests.push(await request(opened, promptIds(setup.prompt, repetition), newTokens))
    delay.disable()
  }
  const memory = residentMemory()
  await opened.close()
  const { user, system } = process.cpuUsage()
  return {
    version: opened.version,
    settings: opened.settings,
    load,
    requests,
    memory,
    loop: delays(delay),
    cpuTime: (user + system) / 1000,
  }
}

/**
 * Both sides are timed here, where the answer is consumed.
 * @param {Opened} opened
 * @param {number[]} ids
 * @param {number} newTokens
 */
async function request(opened, ids, newTokens) {
  /** @type {import('./statistics.mjs').Arrival[]} */
  const arrivals = []
  let total = 0
  const start = performance.now()
  for await (const count of opened.generate(ids, newTokens)) {
    if (count > 0) arrivals.push({ at: performance.now(), count })
    total += count
  }
  if (total !== newTokens) throw new Error(`expected ${newTokens} tokens, got ${total}`)
  return requestTimes(start, arrivals)
}

/**
 * Ids that are no special tokens, the first of them another one on each repetition: no prefix can be reused.
 * @param {number} length
 * @param {number} repetition
 */
function promptIds(length, repetition) {
  return Array.from({ length }, (_, place) => ((place * 7919 + repetition * 5000) % 20000) + 300)
}

/** @param {import('node:perf_hooks').IntervalHistogram} histogram of the nanoseconds between two looks */
function delays(histogram) {
  const late = (/** @type {number} */ nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolution)
  return { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), max: late(histogram.max) }
}

process.once('message', (setup) => {
  measure(/** @type {Setup} */ (setup))
    .then(
      (segment) => ({ segment }),
      (error) => ({ error: error instanceof Error ? error.message : String(error) }),
    )
    // What a product leaves running must not keep the process.
    .then((answer) => process.send?.(answer, () => process.exit(0)))
})
// The bench was stopped.
process.once('disconnect', () => process.exit(1))
