// @ts-check

/**
 * @typedef {import('./statistics.mjs').Ratio} Ratio
 *
 * @typedef {object} Report
 * @property {string} title
 * @property {string} date ISO 8601
 * @property {import('./machine.mjs').Machine} machine
 * @property {string} model
 * @property {{ pairs: number, threads: number }} workload
 * @property {{ median: number, max: number }} foreign share of the machine that other programs used, over the segments
 * @property {{ label: string, version: string, settings: Record<string, string> }[]} sides
 * @property {{ name: string, values: Record<string, number | undefined> }[]} figures by the labels of the sides
 * @property {{ row: string, column: string, ratio: Ratio | undefined }[]} ratios
 * @property {string[]} notes
 * @property {boolean} [absolute] the mode is about figures, not ratios
 */

/** Below this many the median of the ratios is chance. */
const fewestPairs = 7

/** Above this share of other programs two sides that both want every core are slowed down unevenly. */
export const tooBusy = 0.05

/**
 * The whole report.
 * @param {Report} report
 * @returns {string} Markdown
 */
export function formatReport(report) {
  const { sides, workload, foreign, notes } = report
  return `${[
    ...headOf(report),
    `Other programs used ${percent(foreign.median)} of it (${percent(foreign.max)} in the worst segment). ${count(workload.threads, 'thread')} each; ${sides.length > 1 ? `${count(workload.pairs, 'pair')} of segments (A B B A)` : count(workload.pairs, 'segment')}, a new process for each.`,
    '',
    ...figureTable(report),
    ...(report.ratios.length > 0 ? ['', ...ratioTable(report)] : []),
    '',
    ...notes,
    ...sides.map(({ label, version, settings }) => `${label} ${version}: ${formatSettings(settings)}.`),
    'Figures are medians over the segments, of the greatest event-loop delay the greatest. Ratios are medians over the pairs, with the lowest and highest pair.',
    ...caveats(report),
  ].join('\n')}\n`
}

/**
 * What a document quotes: the machine and the ratios, or figures where there is no ratio.
 * @param {Report} report
 * @returns {string} Markdown
 */
export function formatSummary(report) {
  const { ratios, absolute, notes } = report
  const figures = absolute || ratios.length === 0 ? ['', ...figureTable(report)] : []
  const table = ratios.length > 0 ? ['', ...ratioTable(report)] : []
  return `${[...headOf(report), ...figures, ...table, '', ...notes, ...caveats(report)].join('\n').trimEnd()}\n`
}

/** @param {Report} report */
function headOf({ title, model, machine, date }) {
  return [`${model}: ${title}.`, machineLine(machine, date)]
}

/**
 * @param {import('./machine.mjs').Machine} machine
 * @param {string} date ISO 8601
 */
export function machineLine(machine, date) {
  const { cpu, flags, cores, platform, node } = machine
  return `${cpu} (${formatFlags(flags)}), ${count(cores, 'core')}, ${platform}, Node ${node}, ${date.slice(0, 10)}.`
}

/** @param {Report} report */
function caveats({ workload, foreign }) {
  return [
    ...(workload.pairs < fewestPairs ? [`Not to be quoted: fewer than ${fewestPairs} pairs.`] : []),
    ...(foreign.median > tooBusy ? ['Not to be quoted: the machine was busy with other programs.'] : []),
  ]
}

/** @param {Report} report */
function figureTable({ sides, figures }) {
  const labels = sides.map(({ label }) => label)
  return table(
    ['', ...labels],
    figures.map(({ name, values }) => [name, ...labels.map((label) => formatNumber(values[label]))]),
  )
}

/** @param {Report} report */
function ratioTable({ ratios }) {
  const rows = [...new Set(ratios.map(({ row }) => row))]
  const columns = [...new Set(ratios.map(({ column }) => column))]
  const cell = (/** @type {string} */ row, /** @type {string} */ column) => {
    const found = ratios.find((ratio) => ratio.row === row && ratio.column === column)
    return found ? formatRatio(found.ratio) : ''
  }
  return table(
    ['ratio', ...columns],
    rows.map((row) => [row, ...columns.map((column) => cell(row, column))]),
  )
}

/**
 * @param {readonly string[]} header
 * @param {readonly (readonly string[])[]} rows the first column is text, the others are numbers
 */
export function table(header, rows) {
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(header), line(rule), ...rows.map(line)]
}

/** @param {Ratio | undefined} ratio */
export function formatRatio(ratio) {
  if (!ratio) return 'n/a'
  // A small ratio needs its digits: two after the point would round 0.06 away.
  const digits = ratio.median < 0.2 ? 3 : 2
  return `${ratio.median.toFixed(digits)}× [${ratio.min.toFixed(digits)}–${ratio.max.toFixed(digits)}]`
}

/**
 * Rounded to three significant digits.
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
export function count(number, noun) {
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
