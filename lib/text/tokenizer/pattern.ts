import { SplitPreTokenizer } from '@huggingface/tokenizers'
import { LLMError } from '../../errors.js'

/**
 * Compiles a `{ String }` or `{ Regex }` pattern of a tokenizer.json, with the flags `gu`. The Split pre-tokenizer of
 * the library translates Oniguruma's syntax; we take its expression and split by ourselves, because it lacks most
 * behaviours.
 * @throws LLMError ERR_TOKENIZER_INVALID for anything else, ERR_UNSUPPORTED_TOKENIZER for an expression that cannot be
 * translated.
 */
export function compilePattern(value: unknown, where: string): RegExp {
  const pattern = value as { String?: unknown; Regex?: unknown } | null | undefined
  const text = pattern?.Regex ?? pattern?.String
  if (typeof text !== 'string' || text === '') {
    throw new LLMError(
      'ERR_TOKENIZER_INVALID',
      `${where}.pattern: expected { String } or { Regex }, found ${JSON.stringify(value)}`,
    )
  }
  if (typeof pattern?.Regex !== 'string') return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu')
  try {
    const splitter = new SplitPreTokenizer({
      type: 'Split',
      pattern: { Regex: text },
      behavior: 'Isolated',
      invert: false,
    })
    if (splitter.pattern !== null) return splitter.pattern
  } catch (cause) {
    throw new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${where}.pattern: ${(cause as Error).message}`, { cause })
  }
  throw new LLMError(
    'ERR_UNSUPPORTED_TOKENIZER',
    `${where}.pattern: expected an expression, found ${text.slice(0, 60)}`,
  )
}
