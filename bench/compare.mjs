// @ts-check
import { median } from './statistics.mjs'

/**
 * @typedef {import('./statistics.mjs').Ratio} Ratio
 * @typedef {Record<string, number | undefined>} Values of one segment, by the key of a {@link Figure}
 *
 * @typedef {object} Figure a row of the table of figures
 * @property {string} key
 * @property {string} name with its unit
 * @property {'greatest'} [over] the segments: the greatest instead of the median
 *
 * @typedef {object} Quotient a cell of the table of ratios
 * @property {string} row
 * @property {string} column
 * @property {[side: string, key: string]} over label of a side and key of a figure
 * @property {[side: string, key: string]} under
 *
 * @typedef {object} Mode what is compared, and how
 * @property {string} title what was done, one line
 * @property {import('./worker.mjs').Setup[]} setups the sides; the first one is this project
 * @property {Figure[]} figures
 * @property {Quotient[]} quotients
 * @property {boolean} [absolute] the mode is about figures, not ratios
 * @property {(answer: any, label: string) => Values} values of what a segment's task reports
 * @property {(answers: Map<string, any[]>) => string[]} [notes] lines below the tables, from all answers by label
 */

/**
 * Median, lowest and highest of the ratios of each pair. A machine that slows down between two pairs changes none of them.
 * @param {readonly (readonly [over: number | undefined, under: number | undefined])[]} pairs
 * @returns {Ratio | undefined} undefined when one of the values is unknown or zero
 */
export function ratioOf(pairs) {
  const values = pairs.map(([over = Number.NaN, under = Number.NaN]) => over / under)
  if (values.length === 0 || !values.every((value) => Number.isFinite(value) && value > 0)) return undefined
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/**
 * @param {Pick<Mode, 'figures' | 'quotients'>} mode
 * @param {Map<string, Values[]>} segments of each side by its label, pairs at the same place
 */
export function compare({ figures, quotients }, segments) {
  const rows = figures.map(({ key, name, over }) => ({
    name,
    values: Object.fromEntries(
      [...segments].map(([label, values]) => {
        const known = values.map((value) => value[key]).filter((value) => value !== undefined)
        return [label, known.length === 0 ? undefined : over === 'greatest' ? Math.max(...known) : median(known)]
      }),
    ),
  }))
  const ratios = quotients.flatMap(({ row, column, over, under }) => {
    const [ours, theirs] = [segments.get(over[0]), segments.get(under[0])]
    if (!ours || !theirs) return []
    return [{ row, column, ratio: ratioOf(ours.map((values, pair) => [values[over[1]], theirs[pair]?.[under[1]]])) }]
  })
  return { figures: rows, ratios }
}
