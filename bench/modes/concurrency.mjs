// @ts-check

export const peers = ['node-llama-cpp']

/**
 * Several streams at once, against a peer that batches, and against fewer of our own.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, sides }) {
  const { prompt = 32, newTokens = 64, concurrency: streams } = options
  const setups = sides({
    task: { kind: 'concurrency', streams, prompt, newTokens },
    context: prompt + newTokens + 16,
    sequences: Math.max(...streams),
  })
  const [ours = '', peer] = setups.map(({ label }) => label)
  const [fewest] = streams
  const keys = /** @type {const} */ ([
    ['decode', 'decode, all streams together'],
    ['total', 'with prefill, all streams together'],
  ])
  return {
    title: `${streams.join(', ')} streams at once, ${prompt} prompt tokens and ${newTokens} new ones each, greedy`,
    setups,
    figures: keys.flatMap(([key, name]) =>
      streams.map((count) => ({ key: `${key}${count}`, name: `${named(count)}: ${name}, tokens/s` })),
    ),
    quotients: keys.flatMap(([key, name]) =>
      streams.flatMap((count) => {
        const row = `${named(count)}: ${name}, higher is better`
        /** @type {[string, string]} */
        const over = [ours, `${key}${count}`]
        return [
          ...(peer
            ? [{ row, column: `to as many of ${peer}`, over, under: /** @type {typeof over} */ ([peer, over[1]]) }]
            : []),
          ...(count === fewest
            ? []
            : [
                {
                  row,
                  column: `to its own ${named(fewest)}`,
                  over,
                  under: /** @type {typeof over} */ ([ours, `${key}${fewest}`]),
                },
              ]),
        ]
      }),
    ),
    values: ({ rates }) =>
      Object.fromEntries(streams.flatMap((count) => keys.map(([key]) => [`${key}${count}`, rates[count][key]]))),
  }
}

/** @param {number | undefined} count */
const named = (count) => `${count} stream${count === 1 ? '' : 's'}`
