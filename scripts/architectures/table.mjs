// @ts-check
import { Complaint } from '../run.mjs'

/** @typedef {import('./verdict.mjs').Verdict} Verdict */
/** What optimum-intel exports: the versions of transformers that a type needs, and whether transformers has its code. */
/** @typedef {Record<string, { minimum: string | null, maximum: string | null, known: boolean }>} Types */

const begin = '<!-- written by npm run architectures -->'
const end = '<!-- end -->'

/**
 * @param {Verdict[]} verdicts of this run
 * @param {Omit<Verdict, 'wrong'>[]} byHand verdicts that no run of the script can give
 * @param {Types} types
 * @returns {string[]} lines of a Markdown table, by model type
 */
export function rows(verdicts, byHand, types) {
  const measured = [...verdicts, ...byHand.map((one) => ({ ...one, words: `by hand: ${one.words}` }))]
  const others = Object.entries(types)
    .filter(([type]) => !measured.some(({ modelType }) => modelType === type))
    .map(([type, { minimum, maximum, known }]) => ({
      name: type,
      modelType: type,
      transformers: '',
      words: known
        ? `not exported: optimum-intel takes transformers ${range(minimum, maximum)} for it`
        : 'not exported: its code is not in transformers, or no decoder of its own',
    }))
  return [
    '| model type | tiny model | transformers | verdict |',
    '|---|---|---|---|',
    ...[...measured, ...others]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, modelType, transformers, words }) => {
        return `| ${modelType} | ${name === modelType ? '' : name} | ${transformers} | ${cell(words)} |`
      }),
  ]
}

/**
 * @param {string | null} minimum
 * @param {string | null} maximum
 */
function range(minimum, maximum) {
  return [minimum && `from ${minimum}`, maximum && `to ${maximum}`].filter(Boolean).join(' ')
}

/** @param {string} text */
function cell(text) {
  return text.replace(/\|/g, '\\|').replace(/</g, '&lt;').replace(/\s+/g, ' ').trim()
}

/**
 * @param {string} page the Markdown with the two markers
 * @param {string[]} lines
 * @returns {string} the page with the lines between them
 * @throws {Complaint} when a marker is missing
 */
export function withTable(page, lines) {
  const from = page.indexOf(begin)
  const to = page.indexOf(end, from)
  if (from < 0 || to < 0) throw new Complaint(`docs/architectures.md: expected the lines '${begin}' and '${end}'.`)
  return `${page.slice(0, from)}${begin}\n\n${lines.join('\n')}\n\n${page.slice(to)}`
}
