import { toByteAlphabet } from './byte-alphabet.js'
import { punctuation } from './characters.js'
import { booleanOf, type Config, choiceOf, countOf, sequenceOf, stringOf, typedConfig, unsupported } from './config.js'
import { compilePattern } from './pattern.js'

/** Cuts normalized text into words. `first` says that the text stands at the very start of the prompt. */
export type PreTokenizer = (text: string, first: boolean) => string[]

const behaviors = ['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'] as const
type Behavior = (typeof behaviors)[number]

/** GPT-2's words, the `use_regex` of a ByteLevel pre-tokenizer. */
const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/** The Rust library's `\w`, and what is neither that nor white space. */
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d'
const words = new RegExp(`[${word}]+|[^${word}\\p{White_Space}]+`, 'gu')
const prependSchemes = ['first', 'never', 'always'] as const

function split(text: string, pattern: RegExp, behavior: Behavior, invert = false): string[] {
  const pieces: { text: string; match: boolean }[] = []
  const add = (from: number, to: number, match: boolean): void => {
    if (from < to) pieces.push({ text: text.slice(from, to), match: match !== invert })
  }
  let end = 0
  for (const found of text.matchAll(pattern)) {
    add(end, found.index, false)
    end = found.index + found[0].length
    add(found.index, end, true)
  }
  add(end, text.length, false)
  if (behavior === 'Isolated') return pieces.map((piece) => piece.text)
  if (behavior === 'Removed') return pieces.filter((piece) => !piece.match).map((piece) => piece.text)
  const words: string[] = []
  if (behavior === 'MergedWithNext') pieces.reverse()
  let previous: boolean | undefined
  for (const { text: word, match } of pieces) {
    const joins = words.length > 0 && (behavior === 'Contiguous' ? match === previous : match && previous !== true)
    if (joins) words.push(behavior === 'MergedWithNext' ? word + words.pop() : words.pop() + word)
    else words.push(word)
    previous = match
  }
  return behavior === 'MergedWithNext' ? words.reverse() : words
}

/**
 * Builds the `pre_tokenizer` of a tokenizer.json. It cuts as the Rust library does: numbers are Unicode's, Split has all
 * behaviours, Metaspace has `split`.
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER for an unknown kind or setting, ERR_TOKENIZER_INVALID for a wrong shape.
 */
export function createPreTokenizer(value: unknown, where: string): PreTokenizer {
  if (value === null || value === undefined) return (text) => [text]
  const config = typedConfig(value, where)
  const splitter = (pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer => {
    return (text) => split(text, pattern, behavior, invert)
  }
  switch (config.type) {
    case 'Sequence': {
      const steps = sequenceOf(config, 'pretokenizers', where).map((step, i) =>
        createPreTokenizer(step, `${where}[${i}]`),
      )
      // Only the first word of a text can stand at the start of the prompt.
      return (text, first) =>
        steps.reduce((words, step) => words.flatMap((word, i) => step(word, first && i === 0)), [text])
    }
    case 'Split': {
      const behavior = choiceOf(config, 'behavior', where, behaviors)
      return splitter(compilePattern(config['pattern'], where), behavior, booleanOf(config, 'invert', where, false))
    }
    case 'Digits':
      return splitter(booleanOf(config, 'individual_digits', where, false) ? /\p{N}/gu : /\p{N}+/gu, 'Isolated')
    case 'Punctuation':
      return splitter(punctuation, choiceOf(config, 'behavior', where, behaviors, 'Isolated'))
    case 'Whitespace':
      return splitter(words, 'Removed', true)
    case 'WhitespaceSplit':
      return splitter(/\p{White_Space}/gu, 'Removed')
    case 'BertPreTokenizer': {
      const parts = splitter(/\p{White_Space}/gu, 'Removed')
      return (text, first) => parts(text, first).flatMap((part) => split(part, punctuation, 'Isolated'))
    }
    case 'CharDelimiterSplit':
      return splitter(compilePattern({ String: stringOf(config, 'delimiter', where) }, where), 'Removed')
    case 'FixedLength':
      return fixedLength(countOf(config, 'length', where, 1, 5))
    case 'Metaspace': {
      const mark = stringOf(config, 'replacement', where, '▁')
      const scheme = metaspaceScheme(config, where)
      const whole = !booleanOf(config, 'split', where, true)
      const pattern = compilePattern({ String: mark }, where)
      return (text, first) => {
        let marked = text.replaceAll(' ', () => mark)
        if ((scheme === 'always' || (scheme === 'first' && first)) && !marked.startsWith(mark)) marked = mark + marked
        return whole ? [marked] : split(marked, pattern, 'MergedWithNext')
      }
    }
    case 'ByteLevel': {
      const pattern = booleanOf(config, 'use_regex', where, true)
        ? compilePattern({ Regex: gpt2Words }, where)
        : undefined
      const prefix = booleanOf(config, 'add_prefix_space', where, false)
      return (text, _first) => {
        const spaced = prefix && !text.startsWith(' ') ? ` ${text}` : text
        return (pattern === undefined ? [spaced] : split(spaced, pattern, 'Isolated')).map(toByteAlphabet)
      }
    }
    default:
      return unsupported(where, `type '${config.type}' is not supported`)
  }
}

/** When a Metaspace puts a mark before a text. */
export function metaspaceScheme(config: Config, where: string): (typeof prependSchemes)[number] {
  const usual = booleanOf(config, 'add_prefix_space', where, true) ? 'always' : 'never'
  return choiceOf(config, 'prepend_scheme', where, prependSchemes, usual)
}

/** Words of `length` characters; the last may be shorter. */
function fixedLength(length: number): PreTokenizer {
  return (text) => {
    const characters = Array.from(text)
    const words: string[] = []
    for (let i = 0; i < characters.length; i += length) words.push(characters.slice(i, i + length).join(''))
    return words
  }
}
