// @ts-check
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../scripts/build/wheel.mjs'
import { ask, Complaint, root } from '../scripts/run.mjs'
import { count, formatNumber, formatRatio, machineLine, table } from './report.mjs'
import { runSegment } from './segments.mjs'
import { median } from './statistics.mjs'

/** Of the prompt: the cache that attention reads is next to nothing beside the weights. */
const promptTokens = 16

/** Of bench/kernels_bench.cc in each pair. */
const repetitions = 3

/**
 * @typedef {{ token: number, products: number, reading: number, bytes: number, version: string, foreign: number }} Pair
 *   milliseconds; `foreign`: the share of the machine that other programs used beside the token
 */

/**
 * A whole token, against its matrix products alone and against the reading of its weights by the same threads, in turn.
 * @param {import('./machine.mjs').Machine} here
 * @param {{ setup: Omit<import('./worker.mjs').Setup, 'task' | 'context' | 'sequences'>, label: string, folder: string,
 *   newTokens?: number | undefined, pairs: number, json: boolean }} options `folder` has the config.json of the model
 * @returns {Promise<string>}
 * @throws {Complaint}
 */
export async function reading(here, { setup, label, folder, newTokens = 48, pairs, json }) {
  const program = join(root, 'build', 'Release', `kernels_bench${process.platform === 'win32' ? '.exe' : ''}`)
  if (!(await exists(program))) throw new Complaint(`${program} is not built yet: run npm install, or npm run build.`)
  const sizes = await sizesOf(folder)
  const task = { kind: 'reading', prompts: Array(3).fill(promptTokens), newTokens }
  /** @type {Pair[]} */
  const measured = []
  for (let pair = 0; pair < pairs; pair++) {
    const segment = await runSegment({ ...setup, task, context: promptTokens + newTokens + 16, sequences: 1 })
    const { requests, schemes, version } = segment.answer
    /** @type {number[]} */
    const intervals = requests.slice(1).flatMap((/** @type {{ intervals: number[] }} */ one) => one.intervals)
    const numbers = [repetitions, setup.threads, ...sizes, groupOf(schemes), 0, 0, 1]
    const text = await ask(program, numbers.map(String))
    if (text === undefined) throw new Complaint(`${program} failed.`)
    /** @type {{ bytes: number, read: number[], steps: { times: number[] }[] }} */
    const { bytes, read, steps } = JSON.parse(text)
    const [best] = steps // the kernel that is taken here stands first
    const one = {
      token: median(intervals),
      products: 1000 * median(best?.times ?? []),
      reading: 1000 * median(read),
      bytes,
      version,
      foreign: segment.foreign,
    }
    measured.push(one)
    console.error(
      `${pair + 1}/${pairs}: token ${formatNumber(one.token)} ms, products ${formatNumber(one.products)} ms, reading ${formatNumber(one.reading)} ms`,
    )
  }
  if (json) return `${JSON.stringify({ machine: here, model: label, pairs: measured }, null, 2)}\n`
  const bytes = measured[0]?.bytes ?? 0
  const ms = (/** @type {number[]} */ values) => formatRange(values)
  const over = (/** @type {(one: Pair) => number} */ of) => {
    const ratios = measured.map((one) => of(one) / one.reading)
    return formatRatio({ median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) })
  }
  return [
    `A token behind ${promptTokens} tokens, against the reading of its weights (${formatNumber(bytes / 1e9)} GB as packed) by the same threads.`,
    `${label}, openvino-llm ${measured[0]?.version}.`,
    machineLine(here, new Date().toISOString()),
    `${count(setup.threads, 'thread')}, ${count(pairs, 'pair')} in turn; medians, [lowest–highest]. Other programs used ${formatNumber(100 * median(measured.map(({ foreign }) => foreign)))} % of the CPU.\n`,
    ...table(
      ['', 'ms', 'of the reading'],
      [
        ['reading the weights', ms(measured.map(({ reading }) => reading)), ''],
        ['matrix products alone', ms(measured.map(({ products }) => products)), over(({ products }) => products)],
        ['the whole token', ms(measured.map(({ token }) => token)), over(({ token }) => token)],
      ],
    ),
    '',
  ].join('\n')
}

/** @param {number[]} values */
function formatRange(values) {
  return `${formatNumber(median(values))} [${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}]`
}

/**
 * Weights that share a scale. What has another kind beside it (an int8 head) is a small part.
 * @param {string[]} schemes as llm.info.kernels names them, such as `u4 g64 asymmetric`
 * @throws {Complaint}
 */
export function groupOf(schemes) {
  for (const scheme of schemes) {
    const [, group] = /^[ui]4 g(\d+) /.exec(scheme) ?? []
    if (group) return Number(group)
  }
  throw new Complaint(`--reading: expected a model with int4 weights in groups, found ${schemes.join(', ') || 'none'}.`)
}

/**
 * LAYERS HIDDEN QKV ATTENTION FFN VOCABULARY of bench/kernels_bench.cc.
 * @param {string} folder
 * @throws {Complaint}
 */
async function sizesOf(folder) {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
  const number = (/** @type {string} */ name) => {
    const value = config[name]
    if (!Number.isInteger(value) || value < 1) {
      throw new Complaint(`${join(folder, 'config.json')}: ${name}: expected a positive integer, found ${value}.`)
    }
    return value
  }
  if (config.num_local_experts ?? config.num_experts) {
    throw new Complaint('--reading: expected a model without experts; bench:kernels has shapes with them.')
  }
  const [hidden, heads] = [number('hidden_size'), number('num_attention_heads')]
  const head = config.head_dim === undefined || config.head_dim === null ? hidden / heads : number('head_dim')
  const keys = config.num_key_value_heads === undefined ? heads : number('num_key_value_heads')
  return [
    number('num_hidden_layers'),
    hidden,
    (heads + 2 * keys) * head,
    heads * head,
    number('intermediate_size'),
    number('vocab_size'),
  ]
}
