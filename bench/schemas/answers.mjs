// @ts-check
import { LLM, LLMError } from '../../dist/index.js'
import { validator } from './folder.mjs'

/** @typedef {import('./folder.mjs').Case} Case */
/** @typedef {{ name: string, kind: 'right' | 'cut' | 'refused' | 'wrong', why: string }} Verdict `cut` by the limit of tokens */

const atOnce = 16
/** More than the tokens of the prompt. */
const promptTokens = 24
const minute = 60_000

/**
 * Has a model answer each schema at temperature 1, and ajv judge what the grammar ended.
 * @param {Case[]} cases
 * @param {string} model
 * @param {{ maxNewTokens: number, minutes: number }} limits after so many minutes, the schemas that are left are left out
 * @returns {Promise<Verdict[]>}
 */
export async function judgeAnswers(cases, model, { maxNewTokens, minutes }) {
  const llm = await LLM.load(model, { maxSequences: atOnce })
  const most = Math.min(maxNewTokens, llm.info.contextLength - promptTokens)
  /** @type {Verdict[]} */
  const verdicts = []
  const waiting = [...cases]
  const end = performance.now() + minutes * minute
  const lane = async () => {
    while (performance.now() < end) {
      const one = waiting.shift()
      if (one === undefined) return
      verdicts.push({ name: one.name, ...(await judge(llm, one.schema, most)) })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  await llm.close()
  return verdicts
}

/**
 * @param {LLM} llm
 * @param {Case['schema']} schema
 * @param {number} maxNewTokens
 * @returns {Promise<Omit<Verdict, 'name'>>}
 */
async function judge(llm, schema, maxNewTokens) {
  const responseFormat = /** @type {const} */ ({ type: 'json_schema', schema })
  try {
    const options = { responseFormat, maxNewTokens, temperature: 1, topK: 0, topP: 1, seed: 1 }
    const { text, finishReason } = await llm.generate('JSON:', options)
    if (finishReason === 'length') return { kind: 'cut', why: '' }
    const error = validator(schema)?.(JSON.parse(text))
    return error === undefined ? { kind: 'right', why: '' } : { kind: 'wrong', why: `${text}: ${error}` }
  } catch (error) {
    if (error instanceof LLMError && error.code === 'ERR_GRAMMAR') return { kind: 'refused', why: error.message }
    return { kind: 'wrong', why: String(error) }
  }
}
