import * as check from '../../options/rules.js'
import type { ChatMessage } from '../../text/template/messages.js'
import { ApiError } from '../api-error.js'
import { refuseImages } from './request.js'

type Fields = Readonly<Record<string, unknown>>

/**
 * The messages of a chat. Ollama's tool calls may have no ids, and results then come in the order of the calls: here each gets one.
 * @throws ApiError 400 for what is no array of objects; the rest is checked where all chats are
 */
export function messagesOf(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages)) {
    throw ApiError.invalid('messages', `expected messages to be an array, received ${check.describe(messages)}`)
  }
  /** Calls without a result. */
  const open: { id: unknown; name: unknown }[] = []
  let made = 0
  return messages.map((message: unknown, i) => {
    if (!check.object.accepts(message)) {
      throw ApiError.invalid('messages', `messages[${i}]: expected an object, received ${check.describe(message)}`)
    }
    const { images, tool_calls: calls, tool_name: name, ...rest } = message as Fields
    refuseImages(images, `messages[${i}].images`)
    if (rest['role'] === 'tool') {
      const at = Math.max(
        open.findIndex((call) => call.id === rest['tool_call_id'] || call.name === name),
        0,
      )
      const [call] = open.splice(at, 1)
      return { ...rest, ...(call && { tool_call_id: rest['tool_call_id'] ?? call.id }) } as ChatMessage
    }
    if (!Array.isArray(calls) || calls.length === 0) return rest as ChatMessage
    const named = calls.map((call: { id?: unknown; function?: Fields } | null) => {
      const whole = { ...call, id: call?.id ?? `call_${made++}` }
      open.push({ id: whole.id, name: call?.function?.['name'] })
      return whole
    })
    return { ...rest, tool_calls: named } as unknown as ChatMessage
  })
}
