import type { CheckedPrompt } from '../generation/prompt.js'
import { resolveLogprobs } from '../options/logprobs.js'
import type { SentOptions } from '../options/shared.js'
import { callsAsText, withCalls } from '../text/template/messages.js'
import type { Server } from './servers.js'

/** A request as a server takes it. */
export interface RequestBody {
  /** Behind the base URL. */
  path: string
  fields: Readonly<Record<string, unknown>>
}

/**
 * The request for the answers to a prompt.
 * @param options those that are set, of which the server takes each
 * @throws TypeError for what the server does not take
 */
export function requestBody(server: Server, model: string, prompt: CheckedPrompt, options: SentOptions): RequestBody {
  const chat = prompt.kind === 'chat'
  if (prompt.kind === 'tokens' && !server.takesTokens) {
    throw new TypeError(`expected a text or chat messages, received { tokens }: ${server.name} takes no token ids`)
  }
  if (!chat && options.responseFormat) {
    throw new TypeError('responseFormat can be sent with chat messages only, and the prompt is none')
  }
  const stream = !server.whole.some((name) => isSet(name, options))
  const fields = Object.entries(options).flatMap(([name, value]) => Object.entries(written(server, name, value)))
  return {
    path: chat ? 'chat/completions' : 'completions',
    fields: {
      model,
      ...(chat ? { messages: withCalls(prompt.messages, callsAsText) } : { prompt: promptOf(prompt) }),
      ...(!chat && server.fullText),
      ...Object.fromEntries(fields),
      ...(!chat && textLogprobs(options)),
      ...server.always,
      stream,
      ...(stream && { stream_options: { include_usage: true } }),
    },
  }
}

/** Whether an option asks for more than its being absent does. */
function isSet(name: keyof SentOptions, options: SentOptions): boolean {
  const value = options[name]
  return value !== undefined && value !== false && !(name === 'numReturnSequences' && value === 1)
}

function written({ name: server, fields }: Server, name: string, value: unknown): Readonly<Record<string, unknown>> {
  const write = fields[name as keyof SentOptions] as (value: unknown) => Readonly<Record<string, unknown>>
  try {
    return write(value)
  } catch (cause) {
    const { message } = cause as Error
    // What is wrong of itself is said in whole sentences.
    throw /^(expected|tools|responseFormat)/.test(message)
      ? cause
      : new TypeError(`option ${name} cannot be sent to ${server} ${message}`, { cause })
  }
}

function promptOf(prompt: Exclude<CheckedPrompt, { kind: 'chat' }>): string | number[] {
  return prompt.kind === 'text' ? prompt.text : [...prompt.tokens]
}

/** The field of text completions is a number, and some servers refuse 0. */
function textLogprobs(options: SentOptions): { logprobs?: number; top_logprobs?: undefined } {
  const { logprobs } = resolveLogprobs(options)
  return logprobs < 0 ? {} : { logprobs: Math.max(logprobs, 1), top_logprobs: undefined }
}
