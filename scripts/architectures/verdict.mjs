// @ts-check

/** @typedef {import('./judge.mjs').Outcome} Outcome */

/**
 * @typedef {object} Verdict
 * @property {string} name of the tiny model
 * @property {string} modelType
 * @property {string} transformers version
 * @property {string} words
 * @property {boolean} wrong whether it gives wrong tokens without an error or a warning
 */

/**
 * @param {{ name: string, modelType: string, transformers: string }} model
 * @param {{ failed?: string, error?: string }} golden
 * @param {{ auto: Outcome, stateful: Outcome } | undefined} outcomes of the two engines; undefined when it was not exported
 * @returns {Verdict}
 */
export function verdict(model, golden, outcomes) {
  const { name, modelType, transformers } = model
  const say = (/** @type {string} */ words, wrong = false) => ({ name, modelType, transformers, words, wrong })
  if (golden.failed || !outcomes) return say(`not exported: ${shortened(golden.error ?? 'no reason given')}`)
  const { auto, stateful } = outcomes
  for (const [engine, outcome] of Object.entries(outcomes)) {
    const { differences = [], warnings } = outcome
    if (differences.length === 0 || warnings.length > 0) continue
    return say(`WRONG with engine '${engine}': ${differences[0]}; ${differences.length} in all`, true)
  }
  if (auto.refused !== undefined) return say(`refused: ${auto.refused}`)
  const warned = auto.warnings[0]
  if (warned !== undefined) return say(`export differs, warned: ${warned}`)
  if (auto.runner === 'paged') {
    return say(stateful.refused === undefined ? 'right, paged' : `right, paged; stateful refused: ${stateful.refused}`)
  }
  return say(`right, stateful: ${auto.reason}`)
}

/** @param {string} text */
function shortened(text) {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}
