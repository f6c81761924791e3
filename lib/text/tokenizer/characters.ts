import * as ranges from './character-ranges.js'

/** A regular expression for one character of the ranges, which are written as in character-ranges.ts. */
function characterClass(text: string): RegExp {
  let end = 0
  const parts = text.split(' ').map((range) => {
    const [gap = 0, length = 1] = range.split('.').map((digits) => Number.parseInt(digits, 36))
    const start = end + gap
    end = start + length
    return `\\u{${start.toString(16)}}-\\u{${(end - 1).toString(16)}}`
  })
  return new RegExp(`[${parts.join('')}]`, 'gu')
}

export const punctuation = characterClass(ranges.punctuation)
export const nonspacingMarks = characterClass(ranges.nonspacingMarks)
export const combiningMarks = characterClass(ranges.combiningMarks)
export const controls = characterClass(ranges.controls)
export const cjkIdeographs = characterClass(ranges.cjkIdeographs)
export const nmtRemoved = characterClass(ranges.nmtRemoved)
export const nmtSpaces = characterClass(ranges.nmtSpaces)
