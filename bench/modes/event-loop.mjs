// @ts-check
import { median } from '../statistics.mjs'

/** @type {string[]} */
export const peers = []

const streams = 4
/** Of the step of a runner that sleeps: about that of a small model. */
const stepMicroseconds = 10_000
const vocabularies = [32_064, 151_936]

/**
 * What the library costs beside the computation: the event loop's delay, decoding beside busy JavaScript, time per token.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, ours, ir }) {
  const { prompt = 32, newTokens = 128 } = options
  const scripted = { side: 'scripted', model: ir, context: prompt + newTokens, sequences: 1 }
  const busy = 'runner that sleeps'
  const setups = [
    ours({
      label: `${streams} streams`,
      task: { kind: 'event-loop', streams, prompt, newTokens },
      context: prompt + newTokens + 16,
      sequences: streams,
    }),
    ours({
      ...scripted,
      label: busy,
      script: { vocabulary: /** @type {number} */ (vocabularies[0]), stepMicroseconds },
      task: { kind: 'busy', newTokens, repetitions: 2 },
    }),
    ...vocabularies.map((vocabulary) =>
      ours({
        ...scripted,
        label: `vocabulary ${vocabulary}`,
        script: { vocabulary, stepMicroseconds: 0 },
        task: { kind: 'host', newTokens: 16 * newTokens, repetitions: 3 },
      }),
    ),
  ]
  return {
    title: `event-loop delay while ${streams} streams run; decoding beside JavaScript that is busy half of the time, on a runner that sleeps ${stepMicroseconds / 1000} ms a step; cost of a token beside the computation, top-p and streaming`,
    setups,
    absolute: true,
    figures: [
      { key: 'p50', name: 'event-loop delay p50, ms' },
      { key: 'p99', name: 'event-loop delay p99, ms' },
      { key: 'max', name: 'event-loop delay max, ms', over: 'greatest' },
      { key: 'quiet', name: 'decode, nothing else to do, tokens/s' },
      { key: 'busy', name: 'decode beside busy JavaScript, tokens/s' },
      { key: 'host', name: 'host cost, µs/token' },
    ],
    quotients: [
      {
        row: 'decode, higher is better',
        column: 'beside busy JavaScript to quiet',
        over: [busy, 'busy'],
        under: [busy, 'quiet'],
      },
    ],
    notes: () => [
      'The host cost includes what the runner takes to fill its row of logits, which a model would do as part of its computation.',
    ],
    values: ({ loop, rates, microseconds }) => ({
      ...(loop ?? {}),
      ...(rates ? { quiet: median(rates.quiet), busy: median(rates.busy) } : {}),
      ...(microseconds ? { host: median(microseconds) } : {}),
    }),
  }
}
