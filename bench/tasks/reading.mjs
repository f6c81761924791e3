// @ts-check
import { run as single } from './single.mjs'

/**
 * Tokens behind a short prompt, and in which groups the model's weights have their scales.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ prompts: number[], newTokens: number }} task
 */
export async function run(opened, task) {
  const { requests } = await single(opened, task)
  /** @type {{ scheme: string }[]} */
  const kernels = opened.llm.info.kernels
  return { requests, schemes: kernels.map(({ scheme }) => scheme) }
}
