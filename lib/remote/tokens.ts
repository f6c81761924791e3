import { LLMError } from '../errors.js'
import type { CheckedPrompt } from '../generation/prompt.js'
import type { ServerKind } from '../options/connect.js'
import { callsAsText, withCalls } from '../text/template/messages.js'
import type { HttpClient } from './http-client.js'
import { servers } from './servers.js'

/** Whose tokens. */
interface About {
  model: string
  server: ServerKind
}

/** @throws TypeError where the server does not tell */
export async function tokenizeRemotely(
  http: HttpClient,
  { model, server }: About,
  prompt: CheckedPrompt,
  addGenerationPrompt: boolean,
): Promise<Int32Array> {
  const { name, tokens: endpoint } = servers[server]
  if (prompt.kind === 'tokens') throw new TypeError('expected text or chat messages, received { tokens }')
  const asked =
    prompt.kind === 'text'
      ? endpoint?.text(prompt.text)
      : endpoint?.messages?.(withCalls(prompt.messages, callsAsText), addGenerationPrompt)
  if (endpoint === undefined || asked === undefined) {
    throw new TypeError(`${name} does not tell the tokens of ${prompt.kind === 'text' ? 'a text' : 'chat messages'}`)
  }
  const answer = await http.json({ method: 'POST', path: endpoint.path, body: { model, ...asked } })
  const { tokens } = (answer ?? {}) as { tokens?: unknown }
  if (Array.isArray(tokens) && tokens.every(Number.isInteger)) return Int32Array.from(tokens as number[])
  throw new LLMError('ERR_NETWORK', `${http.address(endpoint.path)}: expected tokens to be an array of token ids`)
}

/** @throws TypeError where the server does not do that */
export async function detokenizeRemotely(
  http: HttpClient,
  { model, server }: About,
  tokens: readonly number[],
): Promise<string> {
  const { name, tokens: endpoint } = servers[server]
  const { detokenize } = endpoint ?? {}
  if (detokenize === undefined) throw new TypeError(`${name} does not tell the text of tokens`)
  if (tokens.length === 0) return ''
  const { path, text: field } = detokenize
  const answer = await http.json({ method: 'POST', path, body: { model, tokens } })
  const text = ((answer ?? {}) as Record<string, unknown>)[field]
  if (typeof text === 'string') return text
  throw new LLMError('ERR_NETWORK', `${http.address(path)}: expected ${field} to be a text`)
}
