// @ts-check
import { join } from 'node:path'
import { exists } from '../scripts/build/wheel.mjs'
import { ask, Complaint, root } from '../scripts/run.mjs'
import { onModel } from './on-model.mjs'
import { formatNumber, machineLine, table } from './report.mjs'
import { median } from './statistics.mjs'

/** @typedef {{ vocabulary: number, options: string, ms: number[] }} Line of bench/sampling_bench.cc */

/** Milliseconds that a token may take with penalties and top-p, by vocabulary: what was promised. */
const promised = new Map([
  [32_064, 0.1],
  [151_936, 0.25],
])

/**
 * What the options of sampling cost by themselves, without a model: from a row of logits to a token, on one thread; and what they
 * and grammars cost and gain on a model.
 * @param {import('./machine.mjs').Machine} here
 * @param {{ repetitions: number, json: boolean }} options
 * @returns {Promise<string>}
 * @throws {Complaint}
 */
export async function features(here, { repetitions, json }) {
  const program = join(root, 'build', 'Release', `sampling_bench${process.platform === 'win32' ? '.exe' : ''}`)
  if (!(await exists(program))) throw new Complaint(`${program} is not built yet: run npm install, or npm run build.`)
  const text = await ask(program, [String(repetitions)])
  if (text === undefined) throw new Complaint(`${program} failed.`)
  if (json) return text
  /** @type {Line[]} */
  const lines = JSON.parse(text)
  const rows = lines.map(({ vocabulary, options, ms }) => [
    String(vocabulary),
    options,
    `${formatNumber(median(ms))} [${formatNumber(Math.min(...ms))}–${formatNumber(Math.max(...ms))}]`,
    options === 'penalties, top-p' ? `≤ ${promised.get(vocabulary)}` : '',
  ])
  return [
    'From a row of logits to a token: milliseconds a token on one thread, 16 sequences in turn.',
    machineLine(here, new Date().toISOString()),
    `${repetitions} repetitions; medians, [lowest–highest].\n`,
    ...table(['vocabulary', 'options', 'ms', 'promised'], rows),
    '',
    ...(await onModel(repetitions)),
  ].join('\n')
}
