// @ts-check
import { metrics, summarize } from '../statistics.mjs'

export const peers = ['node-llama-cpp', 'openvino-genai']

/** Requests of a segment; the first one warms up. */
const requests = 3

/**
 * One stream: all figures, against all peers.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, sides }) {
  const { prompt = 512, newTokens = 96 } = options
  const setups = sides({
    task: { kind: 'single', prompts: Array(requests).fill(prompt), newTokens },
    context: prompt + newTokens + 16,
    sequences: 1,
  })
  const [ours, ...others] = setups.map(({ label }) => label)
  return {
    title: `${prompt} prompt tokens, ${newTokens} new ones, greedy, one stream`,
    setups,
    figures: metrics.map(({ key, name, unit }) => ({
      key,
      name: `${name}, ${unit}`,
      ...(key === 'loopMax' ? { over: /** @type {const} */ ('greatest') } : {}),
    })),
    quotients: others.flatMap((other) =>
      metrics.map(({ key, name, better }) => ({
        row: `${name}, ${better} is better`,
        column: `to ${other}`,
        over: /** @type {[string, string]} */ ([ours, key]),
        under: /** @type {[string, string]} */ ([other, key]),
      })),
    ),
    values: (answer) => summarize(answer, prompt),
    notes: () => [
      'Timed where the consumer gets the tokens. Load: from the first call to ready, files in the page cache, a GGUF already converted.',
    ],
  }
}
