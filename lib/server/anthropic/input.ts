import * as check from '../../options/rules.js'
import type { ChatMessage } from '../../text/template/messages.js'
import { ApiError } from '../api-error.js'

type Block = Readonly<Record<string, unknown>>

/**
 * The chat messages that `system` and `messages` stand for. A result of a tool is a message of its own.
 * @throws ApiError 400 that names the block
 */
export function messagesOf({ system, messages }: Readonly<Record<string, unknown>>): ChatMessage[] {
  if (!Array.isArray(messages)) throw wrong('messages', 'an array', messages)
  const instructions = system === undefined || system === null ? '' : textOf(system, 'system', '\n\n')
  const found: ChatMessage[] = instructions === '' ? [] : [{ role: 'system', content: instructions }]
  /** Of the tool calls so far. */
  const ids = new Set<string>()
  for (const [i, message] of messages.entries()) {
    const at = `messages[${i}]`
    if (!check.object.accepts(message)) throw wrong(at, 'an object', message)
    const { role, content } = message as Block
    if (role === 'user') found.push(...userMessages(content, at, ids))
    else if (role === 'assistant') found.push(assistantMessage(content, at, ids))
    else if (role === 'system') found.push({ role, content: textOf(content, `${at}.content`, '\n\n') })
    else throw wrong(`${at}.role`, "'user' or 'assistant'", role)
  }
  return found
}

function userMessages(content: unknown, at: string, ids: ReadonlySet<string>): ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'user', content }]
  const found: ChatMessage[] = []
  /** What was said since the last result. */
  let parts: { type: 'text'; text: string }[] = []
  const flush = () => {
    if (parts.length > 0) found.push({ role: 'user', content: parts })
    parts = []
  }
  for (const [place, block] of blocksOf(content, at)) {
    if (block['type'] === 'text') parts.push({ type: 'text', text: stringOf(block, 'text', place) })
    else if (block['type'] === 'tool_result') {
      flush()
      const id = stringOf(block, 'tool_use_id', place)
      if (!ids.has(id)) throw wrong(`${place}.tool_use_id`, 'the id of an earlier tool_use', id)
      found.push({ role: 'tool', tool_call_id: id, content: textOf(block['content'] ?? '', `${place}.content`) })
    } else throw wrong(`${place}.type`, "'text' or 'tool_result'", block['type'])
  }
  flush()
  if (found.length === 0) throw wrong(`${at}.content`, 'at least one block', content)
  return found
}

function assistantMessage(content: unknown, at: string, ids: Set<string>): ChatMessage {
  if (typeof content === 'string') return { role: 'assistant', content }
  let text = ''
  let reasoning = ''
  const calls: { id: string; type: string; function: { name: string; arguments: unknown } }[] = []
  for (const [place, block] of blocksOf(content, at)) {
    switch (block['type']) {
      case 'text':
        text += stringOf(block, 'text', place)
        break
      case 'thinking':
        reasoning += stringOf(block, 'thinking', place)
        break
      case 'redacted_thinking':
        // Only who made it can read it.
        break
      case 'tool_use': {
        const { input } = block
        const id = stringOf(block, 'id', place)
        if (!check.object.accepts(input)) throw wrong(`${place}.input`, 'an object', input)
        calls.push({ id, type: 'function', function: { name: stringOf(block, 'name', place), arguments: input } })
        ids.add(id)
        break
      }
      default:
        throw wrong(`${place}.type`, "'text', 'thinking' or 'tool_use'", block['type'])
    }
  }
  return {
    role: 'assistant',
    content: text,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

/** A text, or blocks of text. */
function textOf(value: unknown, place: string, between = ''): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) throw wrong(place, 'a text or an array of blocks', value)
  return value
    .map((block: Block | null, i) => {
      if (block?.['type'] === 'text' && typeof block['text'] === 'string') return block['text']
      throw wrong(`${place}[${i}]`, "{ type: 'text', text: string }", block)
    })
    .join(between)
}

function* blocksOf(content: unknown, at: string): Generator<[place: string, block: Block]> {
  if (!Array.isArray(content)) throw wrong(`${at}.content`, 'a text or an array of blocks', content)
  for (const [i, block] of content.entries()) {
    const place = `${at}.content[${i}]`
    if (!check.object.accepts(block)) throw wrong(place, 'an object', block)
    yield [place, block as Block]
  }
}

function stringOf(block: Block, field: string, place: string): string {
  const value = block[field]
  if (typeof value !== 'string') throw wrong(`${place}.${field}`, 'a string', value)
  return value
}

function wrong(place: string, expected: string, found: unknown): ApiError {
  return ApiError.invalid(
    /^\w+/.exec(place)?.[0] ?? null,
    `${place}: expected ${expected}, received ${check.describe(found)}`,
  )
}
