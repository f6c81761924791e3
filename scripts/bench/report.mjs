// @ts-check
import { metrics } from './statistics.mjs'

/**
 * @typedef {object} Side
 * @property {string} name
 * @property {string} version
 * @property {Record<string, string>} settings
 * @property {import('./statistics.mjs').Values} values medians over the segments, of the greatest delay the greatest
 * @property {import('./statistics.mjs').Values[]} segments
 *
 * @typedef {object} Report
 * @property {string} date ISO 8601
 * @property {import('./machine.mjs').Machine} machine
 * @property {string} model
 * @property {{ prompt: number, newTokens: number, pairs: number, requests: number, threads: number }} workload `requests`
 *   are the measured ones of a segment
 * @property {{ median: number, max: number }} foreign share of the machine that other programs used, over the segments
 * @property {Side[]} sides this project, then its peer unless it is alone
 * @property {Record<string, import('./statistics.mjs').Ratio>} ratios ours / the peer's
 */

/** Below this many the median of the ratios is chance. */
const fewestPairs = 7

/** Above this share of other programs two sides that both want every core are slowed down unevenly. */
export const tooBusy = 0.05

/**
 * The report as Markdown.
 * @param {Report} report
 * @returns {string}
 */
export function formatReport(report) {
  const { sides, machine, workload } = report
  return `${[
    `${report.model}: ${workload.prompt} prompt tokens, ${workload.newTokens} new ones, greedy, one stream.`,
    `${machine.cpu} (${formatFlags(machine.flags)}), ${count(machine.cores, 'core')}, ${machine.platform}, Node ${machine.node}, ${report.date.slice(0, 10)}. Other programs used ${percent(report.foreign.median)} of it (${percent(report.foreign.max)} in the worst segment).`,
    `${count(workload.threads, 'thread')} each; ${sides.length > 1 ? `${count(workload.pairs, 'pair')} of segments (A B B A)` : count(workload.pairs, 'segment')}, a new process for each, ${count(workload.requests, 'request')} in each after the first.`,
    '',
    ...table(report),
    '',
    ...sides.map(({ name, version, settings }) => `${name} ${version}: ${formatSettings(settings)}.`),
    'Timed where JavaScript gets the tokens. Load: from the first call to ready, files in the page cache, a GGUF already converted.',
    'Columns: medians over the segments, of the greatest event-loop delay the greatest.',
    ...(sides.length > 1 ? ['Ratios are medians over the pairs, with the lowest and highest pair.'] : []),
    ...(workload.pairs < fewestPairs ? [`Not to be quoted: fewer than ${fewestPairs} pairs.`] : []),
    ...(report.foreign.median > tooBusy ? ['Not to be quoted: the machine was busy with other programs.'] : []),
  ].join('\n')}\n`
}

/**
 * @param {Report} report
 * @returns {string[]}
 */
function table({ sides, ratios }) {
  const paired = sides.length > 1
  const header = ['', ...sides.map(({ name }) => name), ...(paired ? ['ratio', 'range'] : []), 'better']
  const rows = metrics.map(({ key, name, unit, better }) => {
    const ratio = ratios[key]
    return [
      `${name}, ${unit}`,
      ...sides.map(({ values }) => formatNumber(values[key])),
      ...(paired
        ? [
            ratio ? `${ratio.median.toFixed(2)}×` : 'n/a',
            ratio ? `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}` : '',
          ]
        : []),
      better,
    ]
  })
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const isText = (/** @type {number} */ column) => column === 0 || column === header.length - 1
  const rule = widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(header), line(rule), ...rows.map(line)]
}

/**
 * Three digits that count.
 * @param {number | undefined} value
 */
export function formatNumber(value) {
  if (value === undefined || !Number.isFinite(value)) return 'n/a'
  if (Math.abs(value) >= 99.95) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 9.995 ? 1 : 2)
}

/**
 * @param {number} number
 * @param {string} noun
 */
function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`
}

/** @param {Record<string, boolean> | undefined} flags */
function formatFlags(flags) {
  if (!flags) return 'flags n/a'
  const names = Object.keys(flags)
  const present = names.filter((name) => flags[name])
  const absent = names.filter((name) => !flags[name])
  return [...present, ...absent.map((name) => `no ${name}`)].join(', ')
}

/** @param {Record<string, string>} settings */
function formatSettings(settings) {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
