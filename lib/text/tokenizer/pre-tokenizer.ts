import { LLMError } from '../../errors.js'
import { toByteAlphabet } from './byte-alphabet.js'
import { compilePattern } from './pattern.js'

/** Cuts normalized text into words. `first` says that the text stands at the very start of the prompt. */
export type PreTokenizer = (text: string, first: boolean) => string[]
export type Normalizer = (text: string) => string

type Config = Record<string, unknown>
type Behavior = 'Removed' | 'Isolated' | 'Contiguous' | 'MergedWithPrevious' | 'MergedWithNext'
const behaviors: readonly string[] = ['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext']

/** GPT-2's words, the `use_regex` of a ByteLevel pre-tokenizer. */
const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const whitespace = { start: /^\p{White_Space}+/u, end: /\p{White_Space}+$/u }

function unsupported(where: string, what: string): never {
  throw new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${where}: ${what}`)
}

/**
 * `value` as an object with a `type`.
 * @param where names the file and the field in errors.
 * @throws LLMError ERR_TOKENIZER_INVALID
 */
export function typedConfig(value: unknown, where: string): Config & { type: string } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const config = value as Config
    if (typeof config['type'] === 'string') return config as Config & { type: string }
  }
  throw new LLMError(
    'ERR_TOKENIZER_INVALID',
    `${where}: expected an object with a 'type', found ${JSON.stringify(value)?.slice(0, 60)}`,
  )
}

/** The members of a `Sequence`. Throws as {@link typedConfig}. */
export function sequenceOf(config: Config, key: string, where: string): unknown[] {
  const list = config[key]
  if (Array.isArray(list)) return list
  throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${key}: expected an array, found ${typeof list}`)
}

export function stringOf(config: Config, key: string, where: string, fallback?: string): string {
  const value = config[key] ?? fallback
  if (typeof value === 'string') return value
  throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${key}: expected a string, found ${JSON.stringify(value)}`)
}

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
      const behavior = stringOf(config, 'behavior', where)
      if (!behaviors.includes(behavior)) unsupported(where, `behavior '${behavior}'`)
      return splitter(compilePattern(config['pattern'], where), behavior as Behavior, config['invert'] === true)
    }
    case 'Digits':
      return splitter(config['individual_digits'] === true ? /\p{N}/gu : /\p{N}+/gu, 'Isolated')
    case 'Punctuation':
      return splitter(/[\p{P}!-/:-@[-`{-~]/gu, stringOf(config, 'behavior', where, 'Isolated') as Behavior)
    case 'Whitespace':
      return splitter(compilePattern({ Regex: '\\w+|[^\\w\\s]+' }, where), 'Removed', true)
    case 'WhitespaceSplit':
      return splitter(/\p{White_Space}/gu, 'Removed')
    case 'CharDelimiterSplit':
      return splitter(compilePattern({ String: stringOf(config, 'delimiter', where) }, where), 'Removed')
    case 'Metaspace': {
      const mark = stringOf(config, 'replacement', where, '▁')
      const scheme = stringOf(
        config,
        'prepend_scheme',
        where,
        config['add_prefix_space'] === false ? 'never' : 'always',
      )
      const pattern = compilePattern({ String: mark }, where)
      return (text, first) => {
        let marked = text.replaceAll(' ', () => mark)
        if ((scheme === 'always' || (scheme === 'first' && first)) && !marked.startsWith(mark)) marked = mark + marked
        return config['split'] === false ? [marked] : split(marked, pattern, 'MergedWithNext')
      }
    }
    case 'ByteLevel': {
      const words = config['use_regex'] === false ? undefined : compilePattern({ Regex: gpt2Words }, where)
      return (text, _first) => {
        const spaced = config['add_prefix_space'] === true && !text.startsWith(' ') ? ` ${text}` : text
        return (words === undefined ? [spaced] : split(spaced, words, 'Isolated')).map(toByteAlphabet)
      }
    }
    default:
      return unsupported(where, `type '${config.type}' is not supported`)
  }
}

/** Builds the `normalizer` of a tokenizer.json. Errors as {@link createPreTokenizer}. */
export function createNormalizer(value: unknown, where: string): Normalizer {
  if (value === null || value === undefined) return (text) => text
  const config = typedConfig(value, where)
  switch (config.type) {
    case 'Sequence': {
      const steps = sequenceOf(config, 'normalizers', where).map((step, i) => createNormalizer(step, `${where}[${i}]`))
      return (text) => steps.reduce((result, step) => step(result), text)
    }
    case 'Replace': {
      const pattern = compilePattern(config['pattern'], where)
      const content = stringOf(config, 'content', where)
      // A function, because a `$` in the content is plain text.
      return (text) => text.replaceAll(pattern, () => content)
    }
    case 'Prepend': {
      const prefix = stringOf(config, 'prepend', where)
      return (text) => (text === '' ? text : prefix + text)
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = config.type
      return (text) => text.normalize(form)
    }
    case 'Lowercase':
      // Character by character, so that a final sigma gets no form of its own.
      return (text) => Array.from(text, (character) => character.toLowerCase()).join('')
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '')
    case 'Strip':
      return (text) => {
        const left = config['strip_left'] === false ? text : text.replace(whitespace.start, '')
        return config['strip_right'] === false ? left : left.replace(whitespace.end, '')
      }
    case 'ByteLevel':
      return toByteAlphabet
    default:
      return unsupported(where, `type '${config.type}' is not supported`)
  }
}
