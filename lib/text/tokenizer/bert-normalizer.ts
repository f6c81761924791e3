import { cjkIdeographs, controls, nonspacingMarks } from './characters.js'
import { lowercase, normalForm } from './letters.js'

/** What BERT does to a text before it is cut into words. */
export interface BertNormalizerSettings {
  /** Leaves out control characters, and makes each kind of white space a space. */
  cleanText: boolean
  /** Puts spaces around Chinese characters. */
  handleChineseCharacters: boolean
  stripAccents: boolean
  lowercase: boolean
}

const whitespace = /\p{White_Space}/gu

/** The BertNormalizer of the Rust library. */
export function bertNormalizer(settings: BertNormalizerSettings): (text: string) => string {
  const steps: ((text: string) => string)[] = []
  if (settings.cleanText) steps.push((text) => text.replace(controls, '').replace(whitespace, ' '))
  if (settings.handleChineseCharacters) steps.push((text) => text.replace(cjkIdeographs, ' $& '))
  if (settings.stripAccents) steps.push((text) => normalForm(text, 'NFD').replace(nonspacingMarks, ''))
  if (settings.lowercase) steps.push(lowercase)
  return (text) => steps.reduce((result, step) => step(result), text)
}
