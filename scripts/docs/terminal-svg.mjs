// @ts-check

/** Pixels. Each line gets its width by `textLength`, so that any monospaced font gives the same picture. */
const cell = { width: 8, height: 19 }
const margin = { x: 20, top: 52, bottom: 22 }

/** It brings its own dark background, so that it looks the same on light and dark pages. */
const colours = {
  window: '#161b22',
  border: '#30363d',
  title: '#8b949e',
  text: '#e6edf3',
  typed: '#7ee787',
  note: '#8b949e',
}
const fonts = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

/**
 * A picture of a terminal.
 * @param {{ text: string, kind: 'text' | 'typed' | 'note' }[]} lines none longer than `columns`
 * @param {{ columns: number, title: string, description: string }} options
 * @returns {string}
 */
export function terminalSvg(lines, { columns, title, description }) {
  const width = columns * cell.width + 2 * margin.x
  const height = lines.length * cell.height + margin.top + margin.bottom
  const rows = lines.map(({ text, kind }, i) => {
    if (text === '') return ''
    const indent = text.length - text.trimStart().length
    const shown = text.trim()
    const x = margin.x + indent * cell.width
    const y = margin.top + (i + 0.75) * cell.height
    const length = Array.from(shown).length * cell.width
    return `<text x="${x}" y="${y}" fill="${colours[kind]}" textLength="${length}" lengthAdjust="spacingAndGlyphs">${escaped(shown)}</text>`
  })
  const lights = ['#ff5f57', '#febc2e', '#28c840'].map(
    (colour, i) => `<circle cx="${24 + 20 * i}" cy="22" r="6" fill="${colour}"/>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(description)}">`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${colours.window}" stroke="${colours.border}"/>`,
    ...lights,
    `<g font-family="${fonts}" font-size="13" xml:space="preserve">`,
    `<text x="${width / 2}" y="26" fill="${colours.title}" text-anchor="middle">${escaped(title)}</text>`,
    ...rows.filter(Boolean),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/**
 * Breaks a line at blanks.
 * @param {string} text
 * @param {number} columns
 * @returns {string[]} at least one
 */
export function wrap(text, columns) {
  const lines = []
  let rest = text
  while (rest.length > columns) {
    const blank = rest.lastIndexOf(' ', columns)
    const end = blank > 0 ? blank : columns
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...lines, rest]
}
