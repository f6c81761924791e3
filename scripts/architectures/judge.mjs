// @ts-check
// Runs one export and prints what it does, as JSON. A process of its own: a model that ends it is a verdict too.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LLM, LLMError } from '../../dist/index.js'

/** What equality needs: u8 keys and values, bf16 and int8 activations would move logits. */
const exact = { INFERENCE_PRECISION_HINT: 'f32', KV_CACHE_PRECISION: 'f32', DYNAMIC_QUANTIZATION_GROUP_SIZE: 0 }

/** The best logit alone: generation_config.json of Bart and its kin would force the last token. */
const greedy = { temperature: 0, ignoreEos: true, forcedEosTokenId: [] }

/** Two tokens whose logits are nearer to each other than this in transformers are a tie: rounding decides. */
const tie = 1e-4

/**
 * Greedy tokens that transformers chose after a prompt, and by how much the best logit led at each.
 * @typedef {{ prompt: number[], answer: number[], margins: number[] }} Turn
 * @typedef {{ first: Turn[], second: Turn[] }} Golden
 *
 * What one engine did with an export.
 * @typedef {object} Outcome
 * @property {string} [refused] the error of the load
 * @property {string} [runner]
 * @property {string} [reason] why this runner
 * @property {string[]} warnings that the export is not its original
 * @property {string[]} [differences] from transformers; none is right
 */

/**
 * @param {string} folder an export
 * @param {Golden} golden
 * @param {'auto' | 'stateful'} engine
 * @returns {Promise<Outcome>}
 */
export async function judge(folder, golden, engine) {
  /** @type {string[]} */
  const warnings = []
  const onWarning = (/** @type {import('../../dist/index.js').ModelWarning} */ { code, message }) => {
    if (code === 'export') warnings.push(message)
  }
  let llm
  try {
    llm = await LLM.load(folder, { engine, ovConfig: exact, kvCachePrecision: 'f32', maxSequences: 8, onWarning })
  } catch (error) {
    if (!(error instanceof LLMError)) throw error
    // Not where it lay, but what it says.
    return { refused: `${error.code}: ${error.message.replaceAll(join(folder, '/'), '')}`, warnings }
  }
  try {
    const differences = await compare(llm, golden)
    return { runner: llm.info.runner, reason: llm.info.runnerReason, warnings, differences }
  } finally {
    await llm.close()
  }
}

/**
 * Each prompt alone with a second turn at once after it, then all together, then all second turns together.
 * @param {LLM} llm
 * @param {Golden} golden
 */
async function compare(llm, { first, second }) {
  /** @type {string[]} */
  const differences = []
  const { contextLength } = llm.info
  const ask = async (/** @type {Turn} */ turn, /** @type {string} */ how) => {
    const maxNewTokens = Math.min(turn.answer.length, contextLength - turn.prompt.length)
    if (maxNewTokens < 1) return
    const where = `${turn.prompt.length} tokens, ${how}`
    try {
      const { tokens } = await llm.generate({ tokens: turn.prompt }, { maxNewTokens, ...greedy })
      const at = turn.answer.findIndex((token, i) => i < maxNewTokens && token !== tokens[i])
      if (at >= 0 && /** @type {number} */ (turn.margins[at]) >= tie) differences.push(`${where}: token ${at}`)
    } catch (error) {
      differences.push(`${where}: ${error instanceof Error ? error.message : error}`)
    }
  }
  for (const [i, turn] of first.entries()) {
    await ask(turn, 'alone')
    if (second[i]) await ask(second[i], 'second turn')
  }
  await Promise.all(first.map((turn) => ask(turn, 'together')))
  await Promise.all(second.map((turn) => ask(turn, 'second turns together')))
  return differences
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { readFile } = await import('node:fs/promises')
  const [folder = '', engine = 'auto'] = process.argv.slice(2)
  const golden = JSON.parse(await readFile(`${folder}/golden.json`, 'utf8'))
  console.log(JSON.stringify(await judge(folder, golden, engine === 'stateful' ? 'stateful' : 'auto')))
}
