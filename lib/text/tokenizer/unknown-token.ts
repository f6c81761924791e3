import { LLMError } from '../../errors.js'

/**
 * What is thrown for a text that a model cannot write, because it has no unknown token.
 * @param field names the file and the field that should name that token.
 */
export function noUnknownToken(field: string, text: string): LLMError {
  return new LLMError(
    'ERR_TOKENIZER_INVALID',
    `${field}: expected a token of the vocabulary, found none; the text holds ${JSON.stringify(text.slice(0, 60))}, ` +
      'which is not in the vocabulary',
  )
}
