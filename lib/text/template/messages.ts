import { describe } from '../../options/rules.js'

/** A chat message. Further fields (`tool_calls`, `name`, …) are handed to the model's chat template as they are. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or whatever the template knows. */
  role: string
  /** Text, or parts of which only `{ type: 'text', text }` is understood by text models. */
  content?: string | null | readonly { type: string; [field: string]: unknown }[]
  [field: string]: unknown
}

/**
 * Checks roles and contents, and returns the messages unchanged.
 * @throws TypeError that names the wrong message and field.
 */
export function checkMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages)) throw new TypeError(`expected messages to be an array, received ${describe(messages)}`)
  if (messages.length === 0) throw new TypeError('expected at least one chat message, received an empty array')
  return messages.map((message: unknown, i) => {
    const wrong = (field: string, expected: string, found: string): TypeError =>
      new TypeError(`messages[${i}]${field}: expected ${expected}, received ${found}`)
    if (typeof message !== 'object' || message === null) throw wrong('', 'an object', describe(message))
    const { role, content } = message as Record<string, unknown>
    if (typeof role !== 'string') throw wrong('.role', 'a string', describe(role))
    if (Array.isArray(content)) {
      content.forEach((part: { type?: unknown; text?: unknown } | null, j) => {
        if (part?.type === 'text' && typeof part.text === 'string') return
        const found = typeof part?.type === 'string' ? `a part whose type is ${describe(part.type)}` : describe(part)
        throw wrong(`.content[${j}]`, "{ type: 'text', text: string }", found)
      })
    } else if (content !== null && content !== undefined && typeof content !== 'string') {
      throw wrong('.content', 'a string or an array of parts', describe(content))
    }
    return message as ChatMessage
  })
}

/** The text of a message. Parts are joined with nothing between them. */
export function textOf(message: ChatMessage): string {
  const { content } = message
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => part['text'] as string).join('')
}

/** The message with another text; contents that are parts become one part. */
export function withText(message: ChatMessage, text: string): ChatMessage {
  return { ...message, content: Array.isArray(message.content) ? [{ type: 'text', text }] : text }
}
