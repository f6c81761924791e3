import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'
import type { ChatTemplate } from './chat-template.js'
import { type CallForm, type ChatMessage, callForms, callNames, textOf, withCalls, withText } from './messages.js'

/** What a template sees beside the messages. */
export type Variables = Readonly<Record<string, unknown>>

/** Answers that are kept for one template. */
const maxAnswers = 256

/**
 * Stands for a text when we look where, or whether, a template renders it. Nothing but letters, digits and `_`, as
 * templates may trim.
 */
export const standIn = (index: number): string => `qK7x_${index}_Zv93Qh`

/**
 * Finds out what a chat template does with messages by rendering stand-ins for their texts. The answers depend on
 * everything but those texts (the roles and further fields of the messages, the variables), so that they are kept: a
 * chat of the same shape needs no further rendering.
 */
export class TemplateProbe {
  readonly template: ChatTemplate
  readonly #answers = new Map<string, unknown>()

  constructor(template: ChatTemplate) {
    this.template = template
  }

  /**
   * For each message, whether its text is rendered; true where it has none. Undefined when the template fails on the
   * stand-ins, as one may that looks into the texts. Renders once, and only for messages of a new shape.
   * @param render renders messages with these variables
   * @param how whatever else `render` depends on
   */
  shown(
    messages: readonly ChatMessage[],
    variables: Variables,
    render: (messages: readonly ChatMessage[]) => string,
    how: string,
  ): readonly boolean[] | undefined {
    return this.#once(['shown', how, shapeOf(messages), variables], () => {
      const rendered = attempt(() => render(stoodIn(messages)).toLowerCase())
      return rendered === undefined
        ? undefined
        : messages.map((message, i) => !hasText(message) || rendered.includes(standIn(i).toLowerCase()))
    })
  }

  /**
   * Whether the template understands contents that are arrays of parts: a single part then renders as its text does.
   * Renders twice, and only for messages of a new shape.
   */
  takesParts(messages: readonly ChatMessage[], variables: Variables): boolean {
    return this.#once(['parts', shapeOf(messages), variables], () => {
      const render = (list: readonly ChatMessage[]) =>
        attempt(() => this.template.render({ ...variables, messages: list }))
      const parts = stoodIn(messages)
      const asParts = render(parts)
      if (asParts === undefined) return false
      const asText = render(
        parts.map((message) => (Array.isArray(message.content) ? { ...message, content: textOf(message) } : message)),
      )
      return asText === undefined || asText === asParts
    })
  }

  /**
   * The form in which the template shows tool calls. Most write arguments as JSON themselves, and some put texts together. Beside calls
   * some demand a text, if an empty one, and some demand none. Renders once in most cases, and only for messages of a new shape.
   */
  callForm(messages: readonly ChatMessage[], variables: Variables): CallForm {
    return this.#once(['calls', shapeOf(messages), variables], () => {
      const names = messages.flatMap(callNames)
      let best: CallForm | undefined
      for (const form of callForms) {
        const text = attempt(() => this.template.render({ ...variables, messages: withCalls(messages, form) }))
        if (text === undefined || text.includes('[object ')) continue
        if (names.every((name) => text.includes(name))) return form
        best ??= form
      }
      return best ?? (callForms[0] as CallForm)
    })
  }

  #once<T>(question: unknown, answer: () => T): T {
    const key = createHash('sha256').update(serialize(question)).digest('base64')
    if (this.#answers.has(key)) return this.#answers.get(key) as T
    const found = answer()
    if (this.#answers.size >= maxAnswers) this.#answers.clear()
    this.#answers.set(key, found)
    return found
  }
}

const hasText = (message: ChatMessage): boolean => textOf(message).trim() !== ''

/** The messages without their texts. */
function shapeOf(messages: readonly ChatMessage[]): unknown[] {
  return messages.map((message) => [{ ...message, content: null }, Array.isArray(message.content), hasText(message)])
}

function stoodIn(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map((message, i) => {
    if (hasText(message)) return withText(message, standIn(i))
    // No content, and an empty one, are not the same to a template.
    return Array.isArray(message.content) ? withText(message, textOf(message)) : message
  })
}

function attempt(render: () => string): string | undefined {
  try {
    return render()
  } catch {
    return undefined
  }
}
