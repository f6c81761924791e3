// @ts-check
import { parseArgs } from 'node:util'
import { Complaint } from '../run.mjs'

export const usage = `npm run bench -- [--prompt N] [--new N] [--pairs N | --quick] [--threads N] [--no-peer] [--json]
  times openvino-llm beside node-llama-cpp on the same GGUF (SmolLM2-135M-Instruct, Q4_1), greedy, one stream
  --prompt N   prompt tokens (default 512)
  --new N      new tokens, at least 2 (default 128)
  --pairs N    pairs of segments (default 7, the fewest that figures may be quoted from)
  --quick      2 pairs: a smoke test
  --threads N  computing threads of each side (default: physical cores)
  --no-peer    openvino-llm alone, installs nothing
  --json       prints JSON instead of the table`

/**
 * @typedef {object} Options
 * @property {number} prompt tokens
 * @property {number} newTokens ≥ 2: the time per token needs an interval
 * @property {number} pairs segments of each side
 * @property {number | undefined} threads undefined: as many as there are physical cores
 * @property {boolean} peer whether the peer runs as well
 * @property {boolean} json
 * @property {boolean} help
 */

/**
 * @param {string[]} args what follows the script's name
 * @returns {Options}
 * @throws {Complaint} naming the option
 */
export function parseArguments(args) {
  const values = parse(args)
  if (values.quick && values.pairs !== undefined) throw new Complaint('--quick is 2 pairs: give either it or --pairs.')
  return {
    prompt: integer('--prompt', values.prompt, 1) ?? 512,
    newTokens: integer('--new', values.new, 2) ?? 128,
    pairs: integer('--pairs', values.pairs, 1) ?? (values.quick ? 2 : 7),
    threads: integer('--threads', values.threads, 1),
    peer: !values['no-peer'],
    json: Boolean(values.json),
    help: Boolean(values.help),
  }
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        prompt: { type: 'string' },
        new: { type: 'string' },
        pairs: { type: 'string' },
        threads: { type: 'string' },
        quick: { type: 'boolean' },
        'no-peer': { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new Complaint(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
}

/**
 * @param {string} name
 * @param {string | undefined} text
 * @param {number} least
 */
function integer(name, text, least) {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > 1_000_000) {
    throw new Complaint(`${name}: expected an integer from ${least} to 1000000, found '${text}'.`)
  }
  return value
}
