import * as check from '../../options/rules.js'
import type { ChatMessage } from '../../text/template/messages.js'
import { ApiError } from '../api-error.js'

type Fields = Readonly<Record<string, unknown>>

/**
 * The chat messages that an `input` of the Responses API stands for: a text, or a list of items.
 * @throws ApiError 400 that names the item
 */
export function messagesOfInput(input: unknown): ChatMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  if (!Array.isArray(input)) {
    throw ApiError.invalid(
      'input',
      `expected input to be a text or an array of items, received ${check.describe(input)}`,
    )
  }
  const messages: ChatMessage[] = []
  for (const [i, item] of input.entries()) {
    if (!check.object.accepts(item)) throw wrong(i, '', 'an object', item)
    const { type = 'message' } = item as Fields
    const read = Object.hasOwn(items, String(type)) ? items[String(type)] : undefined
    if (!read) throw wrong(i, '.type', Object.keys(items).join(', '), type)
    read(item as Fields, i, messages)
  }
  return messages
}

/** What each type of item adds to the messages. */
const items: Readonly<Record<string, (item: Fields, i: number, messages: ChatMessage[]) => void>> = {
  message({ role, content }, i, messages) {
    if (typeof role !== 'string') throw wrong(i, '.role', 'a string', role)
    messages.push({ role: role === 'developer' ? 'system' : role, content: textOf(content, i) })
  },
  function_call({ call_id: id, name, arguments: args }, i, messages) {
    if (typeof id !== 'string') throw wrong(i, '.call_id', 'a string', id)
    if (typeof name !== 'string') throw wrong(i, '.name', 'a string', name)
    if (typeof args !== 'string') throw wrong(i, '.arguments', 'JSON as a string', args)
    const call = { id, type: 'function', function: { name, arguments: args } }
    const last = messages.at(-1)
    // What was said before the call, and calls beside it, are one message to a template.
    if (last?.role === 'assistant')
      messages.push({ ...messages.pop(), tool_calls: [...callsOf(last), call] } as ChatMessage)
    else messages.push({ role: 'assistant', content: '', tool_calls: [call] })
  },
  function_call_output({ call_id: id, output }, i, messages) {
    if (typeof id !== 'string') throw wrong(i, '.call_id', 'a string', id)
    messages.push({ role: 'tool', tool_call_id: id, content: textOf(output, i) })
  },
  // What a model thought is not part of what was said.
  reasoning() {},
}

function callsOf({ tool_calls: calls }: ChatMessage): unknown[] {
  return Array.isArray(calls) ? calls : []
}

function textOf(content: unknown, i: number): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw wrong(i, '.content', 'a text or an array of parts', content)
  return content
    .map((part: { type?: unknown; text?: unknown } | null, j) => {
      const isText = part !== null && ['input_text', 'output_text', 'text'].includes(String(part?.type))
      if (isText && typeof part.text === 'string') return part.text
      throw wrong(i, `.content[${j}]`, "a part of the type 'input_text' or 'output_text' with a text", part?.type)
    })
    .join('')
}

function wrong(i: number, field: string, expected: string, found: unknown): ApiError {
  return ApiError.invalid('input', `input[${i}]${field}: expected ${expected}, received ${check.describe(found)}`)
}
