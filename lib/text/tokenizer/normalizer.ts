import { bertNormalizer } from './bert-normalizer.js'
import { toByteAlphabet } from './byte-alphabet.js'
import { combiningMarks, nmtRemoved, nmtSpaces } from './characters.js'
import { booleanOf, sequenceOf, stringOf, typedConfig, unsupported } from './config.js'
import { lowercase, normalForm } from './letters.js'
import { compilePattern } from './pattern.js'
import { Precompiled } from './precompiled.js'

export type Normalizer = (text: string) => string

const space = /^\p{White_Space}$/u

/**
 * Builds the `normalizer` of a tokenizer.json; it changes text as the Rust library does.
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER for an unknown kind or setting, ERR_TOKENIZER_INVALID for a wrong shape.
 */
export function createNormalizer(value: unknown, where: string): Normalizer {
  if (value === null || value === undefined) return (text) => text
  const config = typedConfig(value, where)
  switch (config.type) {
    case 'Sequence': {
      const steps = sequenceOf(config, 'normalizers', where).map((step, i) => createNormalizer(step, `${where}[${i}]`))
      return (text) => steps.reduce((result, step) => step(result), text)
    }
    case 'BertNormalizer': {
      const lower = booleanOf(config, 'lowercase', where, true)
      return bertNormalizer({
        cleanText: booleanOf(config, 'clean_text', where, true),
        handleChineseCharacters: booleanOf(config, 'handle_chinese_chars', where, true),
        stripAccents: booleanOf(config, 'strip_accents', where, lower),
        lowercase: lower,
      })
    }
    case 'Precompiled': {
      const charsmap = new Precompiled(config['precompiled_charsmap'], where)
      return (text) => charsmap.normalize(text)
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
      return (text) => normalForm(text, form)
    }
    case 'Nmt':
      return (text) => text.replace(nmtRemoved, '').replace(nmtSpaces, ' ')
    case 'Lowercase':
      return lowercase
    case 'StripAccents':
      return (text) => text.replace(combiningMarks, '')
    case 'Strip': {
      const left = booleanOf(config, 'strip_left', where, true)
      const right = booleanOf(config, 'strip_right', where, true)
      return (text) => {
        let [start, end] = [0, text.length]
        if (left) while (start < end && space.test(text.charAt(start))) start++
        if (right) while (end > start && space.test(text.charAt(end - 1))) end--
        return text.slice(start, end)
      }
    }
    case 'ByteLevel':
      return toByteAlphabet
    default:
      return unsupported(where, `type '${config.type}' is not supported`)
  }
}
