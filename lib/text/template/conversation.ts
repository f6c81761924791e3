import { type ChatTemplate, TemplateRefusal } from './chat-template.js'
import { type ChatMessage, checkMessages } from './messages.js'

/** What a template sees beside the messages. */
export type Variables = Readonly<Record<string, unknown>>

/**
 * Stands for a text when we look where, or whether, a template renders it. Nothing but letters, digits and `_`, as
 * templates may trim.
 */
const sentinel = (index: number): string => `qK7x_${index}_Zv93Qh`
/** A shorter text may stand in a rendered conversation by chance. */
const tellingLength = 12
/** Messages that are looked at one by one when a template seems to drop them. */
const maxConfirmations = 32

/**
 * Chat messages and the template that renders them.
 *
 * Contents that are arrays of parts reach the template as arrays when it understands them: when rendering the messages
 * with the joined text as a single part gives the same as rendering them with the text. Otherwise it gets the joined
 * texts.
 */
export class Conversation {
  /** As given; contents are strings, or arrays if the template understands them. */
  readonly messages: readonly ChatMessage[]
  readonly #template: ChatTemplate
  readonly #variables: Variables
  readonly #continues: boolean
  /** System messages whose text goes into the next user message. */
  readonly #merged = new Set<ChatMessage>()

  /** @throws TypeError naming the message and field that is not as it should be. */
  constructor(
    template: ChatTemplate,
    messages: unknown,
    variables: Variables,
    options: { continueFinalMessage: boolean },
  ) {
    this.#template = template
    this.#variables = variables
    this.#continues = options.continueFinalMessage
    const checked = checkMessages(messages)
    if (this.#continues && (checked.at(-1)?.role !== 'assistant' || !checked.at(-1)?.content)) {
      throw new TypeError(`continueFinalMessage: expected the last message to be of role 'assistant' with content`)
    }
    const joined = checked.map((message) =>
      Array.isArray(message.content) ? { ...message, content: textOf(message) } : message,
    )
    this.messages =
      checked.some((message) => Array.isArray(message.content)) && this.#takesParts(checked, joined) ? checked : joined
  }

  /**
   * Finds the system messages that the template drops or refuses; from now on they are part of the next user message.
   */
  mergeSystemMessages(): void {
    const system = this.messages.filter((message) => message.role === 'system')
    if (system.length === 0) return
    try {
      for (const message of this.ignored(this.messages)) if (message.role === 'system') this.#merged.add(message)
    } catch (error) {
      if (!(error instanceof TemplateRefusal)) throw error
      for (const message of system) this.#merged.add(message)
    }
  }

  /** Renders some of the messages. */
  render(messages: readonly ChatMessage[]): string {
    return this.#render(this.#merge(messages))
  }

  /** Those of the messages whose text the template does not render. */
  ignored(messages: readonly ChatMessage[]): ChatMessage[] {
    const shown = this.#merge(messages)
    const text = this.#render(shown)
    const contents = shown.map((message) => textOf(message).trim())
    const doubtful = new Set(
      contents.flatMap((content, i) =>
        content !== '' && (content.length < tellingLength || !text.includes(content)) ? [i] : [],
      ),
    )
    if (doubtful.size === 0) return []
    const replaced = (only: (i: number) => boolean): string | undefined => {
      try {
        return this.#render(
          shown.map((message, i) => (only(i) ? withText(message, sentinel(i)) : message)),
        ).toLowerCase()
      } catch {
        // The template looks into this text; whether it stands in the rendered one is then all there is to know.
        return undefined
      }
    }
    const has = (rendered: string, i: number): boolean => rendered.includes(sentinel(i).toLowerCase())
    const all = replaced((i) => doubtful.has(i))
    const missing = [...doubtful].filter((i) => all === undefined || !has(all, i))
    const dropped = missing.slice(0, maxConfirmations).filter((i) => {
      const one = missing.length === 1 && doubtful.size === 1 ? all : replaced((other) => other === i)
      return one === undefined ? !text.includes(contents[i]!) : !has(one, i)
    })
    return dropped.map((i) => shown[i]!)
  }

  #render(messages: readonly ChatMessage[]): string {
    const last = messages.at(-1)
    if (!this.#continues || last === undefined) return this.#template.render({ ...this.#variables, messages })
    // The mark ends in a space to see whether the template trims contents.
    const mark = sentinel(messages.length)
    const rendered = this.#template.render({
      ...this.#variables,
      messages: [...messages.slice(0, -1), withText(last, `${textOf(last)}${mark} `)],
    })
    const end = rendered.lastIndexOf(mark)
    if (end < 0)
      throw new TemplateRefusal(this.#template.file, 'continueFinalMessage: it does not render the last message')
    const kept = rendered.slice(0, end)
    return rendered.startsWith(`${mark} `, end) ? kept : kept.trimEnd()
  }

  #merge(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    if (this.#merged.size === 0) return messages
    const result: ChatMessage[] = []
    let pending: string[] = []
    for (const message of messages) {
      if (this.#merged.has(message)) pending.push(textOf(message))
      else if (message.role === 'user' && pending.length > 0) {
        result.push(withText(message, [...pending, textOf(message)].join('\n\n')))
        pending = []
      } else result.push(message)
    }
    if (pending.length > 0) result.push({ role: 'user', content: pending.join('\n\n') })
    return result
  }

  #takesParts(messages: readonly ChatMessage[], joined: readonly ChatMessage[]): boolean {
    const attempt = (list: readonly ChatMessage[]): string | undefined => {
      try {
        return this.#template.render({ ...this.#variables, messages: list })
      } catch {
        return undefined
      }
    }
    const asParts = attempt(
      messages.map((message) => (Array.isArray(message.content) ? withText(message, textOf(message)) : message)),
    )
    if (asParts === undefined) return false
    const asText = attempt(joined)
    return asText === undefined || asText === asParts
  }
}

/** The text of a message; parts are joined without anything between them. */
export function textOf(message: ChatMessage): string {
  const { content } = message
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => part['text'] as string).join('')
}

function withText(message: ChatMessage, text: string): ChatMessage {
  return { ...message, content: Array.isArray(message.content) ? [{ type: 'text', text }] : text }
}
