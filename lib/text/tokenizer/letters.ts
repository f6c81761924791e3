import { combiningMarks } from './characters.js'

/**
 * Characters that decompose in Node, but not in the Rust library, whose tables are those of Unicode 9: they came later.
 * Marks that came later have no order among other marks there.
 */
const later = new RegExp(
  '(' +
    '[\\u32ff\\ua7f1-\\ua7f4\\uab69\\u{105c9}\\u{105e4}\\u{10781}-\\u{10785}\\u{10787}-\\u{107b0}\\u{107b2}-\\u{107ba}\\u{11383}\\u{11385}\\u{1138e}\\u{11391}\\u{16d68}-\\u{16d6a}\\u{1ccd6}-\\u{1ccf9}\\u{1e030}-\\u{1e06d}\\u{1f16c}\\u{1fbf0}-\\u{1fbf9}]|' +
    `(?!${combiningMarks.source})\\p{M})`,
  'u',
)

/** Unicode's normal form of `text`. */
export function normalForm(text: string, form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): string {
  if (!later.test(text)) return text.normalize(form)
  // Every other part is one of the later characters, which stay.
  return text
    .split(later)
    .map((part, i) => (i % 2 === 0 ? part.normalize(form) : part))
    .join('')
}

/** Each character by itself, so that a final sigma gets no form of its own. */
export function lowercase(text: string): string {
  return Array.from(text, (character) => character.toLowerCase()).join('')
}
