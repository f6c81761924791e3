// @ts-check

export const peers = ['node-llama-cpp']

/**
 * How a running stream keeps its pace while a long prompt of another one is computed.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, sides }) {
  const { prompt = 2000, newTokens = 512 } = options
  const quietTokens = Math.ceil(newTokens / 4)
  const setups = sides({
    task: { kind: 'pace', prompt, newTokens, quietTokens },
    context: prompt + newTokens + 48,
    sequences: 2,
  })
  const row = 'TPOT p95 beside the prefill to quiet, lower is better'
  return {
    title: `time per output token of a running stream while a prompt of ${prompt} tokens is computed`,
    setups,
    figures: [
      { key: 'quiet', name: 'TPOT p95 quiet, ms' },
      { key: 'loaded', name: 'TPOT p95 beside the prefill, ms' },
      { key: 'ttft', name: 'TTFT of the long prompt, ms' },
    ],
    quotients: setups.map(({ label }) => ({ row, column: label, over: [label, 'loaded'], under: [label, 'quiet'] })),
    values: ({ quiet, loaded, ttft }) => ({ quiet, loaded, ttft }),
    notes: (answers) =>
      [...answers]
        .filter(([, all]) => all.some(({ complete }) => !complete))
        .map(
          ([label]) =>
            `${label}: the stream ended before the long prompt was computed; more tokens (--new) would outlast it.`,
        ),
  }
}
