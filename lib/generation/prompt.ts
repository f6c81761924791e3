import { LLMError } from '../errors.js'
import { chatOptionNames, type GenerationOptions } from '../options/generation.js'
import { describe } from '../options/rules.js'
import { type ChatMessage, checkMessages } from '../text/template/messages.js'

/**
 * What is asked: chat messages (the chat template is applied), raw text (encoded as the tokenizer's files say), or token ids (taken as
 * they are).
 */
export type Prompt = string | readonly ChatMessage[] | { readonly tokens: ArrayLike<number> }

/** A prompt that was looked at, and copied: the caller may change the original. */
export type CheckedPrompt =
  | { kind: 'text'; text: string }
  | { kind: 'chat'; messages: ChatMessage[] }
  | { kind: 'tokens'; tokens: Int32Array }

/**
 * @throws TypeError for anything that is no prompt, or for options that only chat messages can have.
 * @throws LLMError `ERR_TOKEN_ID` for token ids that the model does not have: the runtime would read foreign memory.
 */
export function checkPrompt(prompt: Prompt, vocabularySize: number, options: GenerationOptions = {}): CheckedPrompt {
  if (Array.isArray(prompt)) return { kind: 'chat', messages: copyOf(checkMessages(prompt)) }
  for (const name of chatOptionNames) {
    if (options[name as keyof GenerationOptions] !== undefined) {
      throw new TypeError(`option ${name} applies to chat messages only, and the prompt is none`)
    }
  }
  if (typeof prompt === 'string') return { kind: 'text', text: prompt }
  if (typeof prompt === 'object' && prompt !== null && 'tokens' in prompt) {
    return { kind: 'tokens', tokens: checkTokens(prompt.tokens, vocabularySize) }
  }
  throw new TypeError(
    `expected prompt to be a string, an array of chat messages or { tokens }, received ${describe(prompt)}`,
  )
}

function copyOf(messages: readonly ChatMessage[]): ChatMessage[] {
  try {
    return structuredClone(messages) as ChatMessage[]
  } catch (cause) {
    throw new TypeError(`expected chat messages to be plain data: ${(cause as Error).message}`, { cause })
  }
}

/**
 * A copy of token ids that a caller gave.
 * @throws TypeError for anything but integers, or none; LLMError `ERR_TOKEN_ID`
 */
export function checkTokens(tokens: ArrayLike<number>, vocabularySize: number): Int32Array {
  if (typeof tokens !== 'object' || tokens === null || !Number.isInteger(tokens.length)) {
    throw new TypeError(`expected tokens to be an array of token ids, received ${describe(tokens)}`)
  }
  if (tokens.length === 0) throw new TypeError('expected at least one token, received none')
  const checked = new Int32Array(tokens.length)
  for (let i = 0; i < checked.length; i++) {
    const token = tokens[i]
    if (!Number.isInteger(token))
      throw new TypeError(`expected tokens[${i}] to be an integer, received ${describe(token)}`)
    checked[i] = checkToken(token as number, vocabularySize, () => `tokens[${i}]`)
  }
  return checked
}

/**
 * @param where says which token it is; called for a wrong one only, as prompts are long
 * @throws LLMError `ERR_TOKEN_ID`
 */
export function checkToken(token: number, vocabularySize: number, where: () => string): number {
  if (token < 0 || token >= vocabularySize) {
    throw new LLMError(
      'ERR_TOKEN_ID',
      `${where()}: expected a token id from 0 to ${vocabularySize - 1}, found ${token}`,
    )
  }
  return token
}
