import type { ChatMessage } from './messages.js'

/** What templates call the reasoning of a message. */
const names = ['reasoning_content', 'reasoning', 'thinking'] as const

/** The messages with their reasoning under the names that the template knows, whichever of them it was given under. */
export function withReasoning(template: string, messages: readonly ChatMessage[]): ChatMessage[] {
  const known = names.filter((name) => new RegExp(`[.'"]${name}\\b`).test(template))
  return messages.map((message) => {
    const given = names.map((name) => message[name]).find((value) => typeof value === 'string' && value !== '')
    if (given === undefined || message.role !== 'assistant') return message
    return { ...message, ...Object.fromEntries(known.map((name) => [name, given])) }
  })
}
