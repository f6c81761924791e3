// @ts-check
import { median } from '../statistics.mjs'
import { readTexts } from '../texts.mjs'

/** @type {string[]} */
export const peers = []

const repetitions = 2

/**
 * Prompt lookup on real texts, against plain greedy decoding.
 * @param {import('../context.mjs').Context} context
 * @returns {Promise<import('../compare.mjs').Mode>}
 */
export async function plan({ options, sides }) {
  const { newTokens = 128 } = options
  const texts = await readTexts()
  const setups = sides({
    task: { kind: 'lookup', texts, newTokens, repetitions },
    context: 4096,
    // More than one, so that a single answer takes the runner that serves many.
    sequences: 4,
    exact: true,
  })
  const ours = setups[0]?.label ?? ''
  return {
    title: `prompt lookup on ${texts.length} replayed texts, ${newTokens} new tokens each, greedy unless sampled, f32 and KV cache in f32`,
    setups,
    figures: texts.flatMap(({ name, kind }) => [
      { key: `${name}.plain`, name: `${kind}, ${name}: plain, ms/token` },
      { key: `${name}.lookup`, name: `${kind}, ${name}: with lookup, ms/token` },
      { key: `${name}.accepted`, name: `${kind}, ${name}: guessed tokens that were right, %` },
    ]),
    quotients: texts.map(({ name, kind }) => ({
      row: `${kind}, ${name}: speed, higher is better`,
      column: 'to plain',
      over: [ours, `${name}.plain`],
      under: [ours, `${name}.lookup`],
    })),
    values: (answer) =>
      Object.fromEntries(
        answer.texts.flatMap((/** @type {any} */ { name, plain, lookup, draftTokens, acceptedTokens }) => [
          [`${name}.plain`, median(plain)],
          [`${name}.lookup`, median(lookup)],
          [`${name}.accepted`, draftTokens > 0 ? (100 * acceptedTokens) / draftTokens : undefined],
        ]),
      ),
    notes: (answers) => verdict((answers.get(ours) ?? []).flatMap((answer) => answer.texts)),
  }
}

/** @param {{ name: string, identical: boolean, draftTokens: number }[]} results */
function verdict(results) {
  const wrong = [...new Set(results.filter(({ identical }) => !identical).map(({ name }) => name))]
  return [
    ...(results.every(({ draftTokens }) => draftTokens === 0) ? ['WRONG: nothing was ever guessed.'] : []),
    wrong.length === 0
      ? 'The output with prompt lookup was identical to plain greedy in every greedy answer.'
      : `WRONG: the output with prompt lookup was not identical to plain greedy: ${wrong.join(', ')}.`,
  ]
}
