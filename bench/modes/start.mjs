// @ts-check

export const peers = ['node-llama-cpp', 'openvino-genai']

/** @type {{ key: 'ready' | 'module' | 'load' | 'ttft', name: string }[]} */
const figures = [
  { key: 'ready', name: 'from nothing to the first token, ms' },
  { key: 'module', name: 'importing the product, ms' },
  { key: 'load', name: 'load to ready, ms' },
  { key: 'ttft', name: 'first request, TTFT, ms' },
]

/**
 * The second start of a process: how long until the first token of its first request. The run that prepares a side is the first start, and
 * leaves what the product keeps for later ones.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, sides }) {
  const { prompt = 16, newTokens = 8 } = options
  const setups = sides({
    task: { kind: 'single', prompts: [prompt], newTokens },
    context: prompt + newTokens + 16,
    sequences: 1,
  })
  const [ours, ...others] = setups.map(({ label }) => label)
  return {
    title: `second start to the first of ${newTokens} tokens behind ${prompt}, greedy`,
    setups,
    figures,
    quotients: others.flatMap((other) =>
      figures.map(({ key, name }) => ({
        row: `${name}, lower is better`,
        column: `to ${other}`,
        over: /** @type {[string, string]} */ ([ours, key]),
        under: /** @type {[string, string]} */ ([other, key]),
      })),
    ),
    values: ({ module, load, requests: [first] }) => ({
      ready: module + load + first.ttft,
      module,
      load,
      ttft: first.ttft,
    }),
    notes: () => [
      'From where a process begins to import the product; files are in the page cache, a GGUF is converted, and the first start has left what it keeps.',
    ],
  }
}
