// @ts-check

export const peers = ['node-llama-cpp', 'openvino-genai']

/** Tokens of the prompts. */
const lengths = [16, 512, 2000, 6000]

/**
 * Prefill and decode behind short and long prompts, in one process.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, sides }) {
  const { prompt: longest = 6000, newTokens = 32 } = options
  const prompts = lengths.filter((length) => length <= longest)
  if (prompts.length === 0) prompts.push(longest)
  const setups = sides({
    // A short one warms up.
    task: { kind: 'single', prompts: [Math.min(16, longest), ...prompts], newTokens },
    context: Math.max(...prompts) + newTokens + 16,
    sequences: 1,
  })
  const figures = prompts.flatMap((length) => [
    { key: `decode-${length}`, name: `decode behind ${length} tokens, tokens/s` },
    { key: `prefill-${length}`, name: `prefill of ${length} tokens, tokens/s` },
  ])
  const [ours, ...others] = setups.map(({ label }) => label)
  return {
    title: `prompts of ${prompts.join(', ')} tokens, ${newTokens} new ones, greedy, one stream`,
    setups,
    figures,
    quotients: others.flatMap((other) =>
      figures.map(({ key, name }) => ({
        row: `${name}, higher is better`,
        column: `to ${other}`,
        over: /** @type {[string, string]} */ ([ours, key]),
        under: /** @type {[string, string]} */ ([other, key]),
      })),
    ),
    values: ({ requests: [, ...measured] }) =>
      Object.fromEntries(
        prompts.flatMap((length, place) => {
          const { ttft, intervals } = measured[place]
          const decoding = intervals.reduce((/** @type {number} */ total, /** @type {number} */ one) => total + one, 0)
          return [
            [`decode-${length}`, (intervals.length * 1000) / decoding],
            [`prefill-${length}`, (length * 1000) / ttft],
          ]
        }),
      ),
    notes: () => ['Timed where the consumer gets the tokens. --prompt N leaves out the lengths above N.'],
  }
}
