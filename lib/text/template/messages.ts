import { describe } from '../../options/rules.js'

/** A chat message. Further fields (`name`, …) are handed to the model's chat template as they are. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or whatever the template knows. */
  role: string
  /** Text, or parts of which only `{ type: 'text', text }` is understood by text models. */
  content?: string | null | readonly { type: string; [field: string]: unknown }[]
  /** Of a message of the assistant: the tools that it called, as `result.toolCalls` has them, or in OpenAI's form. */
  tool_calls?: readonly CalledTool[] | null
  /** Of a message of the role `tool`: the id of the call whose result it is. */
  tool_call_id?: string
  /** Of a message of the assistant: what it thought. It reaches the template under the name that this knows. */
  reasoning_content?: string | null
  [field: string]: unknown
}

/** A tool call in a message, its arguments as an object or as JSON. */
export type CalledTool =
  | { id?: string; name: string; arguments?: unknown }
  | { id?: string; type?: string; function: { name: string; arguments?: unknown } }

/**
 * Checks roles, contents and tool calls, and returns the messages unchanged.
 * @throws TypeError that names the wrong message and field.
 */
export function checkMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages)) throw new TypeError(`expected messages to be an array, received ${describe(messages)}`)
  if (messages.length === 0) throw new TypeError('expected at least one chat message, received an empty array')
  const ids = new Set<string>()
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
    checkToolCalls(message as ChatMessage, ids, wrong)
    return message as ChatMessage
  })
}

/** @param ids of the calls so far, which those of this message join */
function checkToolCalls(
  { role, tool_calls: calls, tool_call_id: id }: Record<string, unknown>,
  ids: Set<string>,
  wrong: (field: string, expected: string, found: string) => TypeError,
): void {
  if (role === 'tool' && id !== undefined && id !== null) {
    if (typeof id !== 'string') throw wrong('.tool_call_id', 'a string', describe(id))
    if (!ids.has(id)) throw wrong('.tool_call_id', 'the id of a tool call in an earlier message', describe(id))
  }
  if (calls === undefined || calls === null) return
  if (!Array.isArray(calls)) throw wrong('.tool_calls', 'an array', describe(calls))
  calls.forEach((call: Record<string, unknown> | null, j) => {
    const at = `.tool_calls[${j}]`
    if (typeof call !== 'object' || call === null) throw wrong(at, 'an object', describe(call))
    const wrapped = call['function'] !== undefined
    const called = (wrapped ? call['function'] : call) as Record<string, unknown> | null
    const where = wrapped ? `${at}.function` : at
    if (typeof called !== 'object' || called === null) throw wrong(where, 'an object', describe(called))
    if (typeof called['name'] !== 'string') throw wrong(`${where}.name`, 'a string', describe(called['name']))
    const given = argumentsOf(called['arguments'])
    if (given === undefined) {
      throw wrong(`${where}.arguments`, 'an object, or JSON of one', describe(called['arguments']))
    }
    if (call['id'] !== undefined && typeof call['id'] !== 'string')
      throw wrong(`${at}.id`, 'a string', describe(call['id']))
    if (typeof call['id'] === 'string') ids.add(call['id'])
  })
}

/** The arguments of a call; undefined when they are no object. */
function argumentsOf(given: unknown = {}): Record<string, unknown> | undefined {
  let value = given
  if (typeof given === 'string') {
    try {
      value = JSON.parse(given)
    } catch {
      return undefined
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

/** Whether any of the messages has tool calls. */
export const haveCalls = (messages: readonly ChatMessage[]): boolean =>
  messages.some(({ tool_calls: calls }) => (calls?.length ?? 0) > 0)

/** Which tools a message calls. */
export const callNames = (message: ChatMessage): string[] =>
  (message.tool_calls ?? []).map((call) => ('function' in call ? call.function.name : call.name))

/** How a message with tool calls is given to a template. */
export interface CallForm {
  /** The arguments as JSON, and not as an object. */
  asText: boolean
  /** What stands for a text that is not there; undefined: what was given. */
  empty: '' | null | undefined
  /** A text that stands beside calls is in a message of its own, before them. */
  apart: boolean
}

export const callsAsObjects: CallForm = { asText: false, empty: undefined, apart: false }
export const callsAsText: CallForm = { ...callsAsObjects, asText: true }

/** All forms, in the order in which they are tried. */
export const callForms: readonly CallForm[] = (
  [
    [undefined, false],
    ['', false],
    [null, false],
    [null, true],
  ] as const
).flatMap(([empty, apart]) => [false, true].map((asText) => ({ asText, empty, apart })))

/** The messages with their tool calls in the form that templates know. */
export function withCalls(messages: readonly ChatMessage[], { asText, empty, apart }: CallForm): ChatMessage[] {
  return messages.flatMap((message) => {
    if (!message.tool_calls) return [message]
    const bare = (message.content ?? '') === ''
    const none = empty !== undefined && (bare || apart)
    const calls = message.tool_calls.map((call) => {
      const { name, arguments: given } = 'function' in call ? call.function : call
      const value = argumentsOf(given) ?? {}
      const { id } = call
      return {
        ...(id !== undefined && { id }),
        type: 'function' as const,
        function: { name, arguments: asText ? (typeof given === 'string' ? given : JSON.stringify(value)) : value },
      }
    })
    const called = { ...message, ...(none && { content: empty }), tool_calls: calls }
    return apart && !bare ? [{ role: message.role, content: message.content ?? '' }, called] : [called]
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
