import { TemplateRefusal } from './chat-template.js'
import { type ChatMessage, checkMessages, haveCalls, textOf, withCalls, withText } from './messages.js'
import { withReasoning } from './reasoning-fields.js'
import { standIn, type TemplateProbe, type Variables } from './template-probe.js'

/** A text that is shorter may stand in a prompt by chance. */
const tellingLength = 12

/**
 * Chat messages and the template that renders them. Contents that are arrays of parts reach the template as arrays if
 * it understands those; otherwise it gets their joined texts.
 */
export class Conversation {
  /** The messages as given. Contents are strings, or arrays if the template understands those. */
  readonly messages: readonly ChatMessage[]
  readonly #probe: TemplateProbe
  readonly #variables: Variables
  readonly #continues: boolean
  /** System messages whose text is put before that of the next user message. */
  readonly #merged = new Set<ChatMessage>()

  /** @throws TypeError that names the wrong message and field. */
  constructor(
    probe: TemplateProbe,
    messages: unknown,
    variables: Variables,
    options: { continueFinalMessage: boolean },
  ) {
    this.#probe = probe
    this.#variables = variables
    this.#continues = options.continueFinalMessage
    const checked = this.#withCalls(withReasoning(probe.template.source, checkMessages(messages)))
    if (this.#continues && (checked.at(-1)?.role !== 'assistant' || !checked.at(-1)?.content)) {
      throw new TypeError(`continueFinalMessage: expected the last message to be of role 'assistant' with content`)
    }
    const joined = checked.map((message) =>
      Array.isArray(message.content) ? { ...message, content: textOf(message) } : message,
    )
    const parts = checked.some((message) => Array.isArray(message.content)) && probe.takesParts(checked, variables)
    this.messages = parts ? checked : joined
  }

  #withCalls(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    return haveCalls(messages) ? withCalls(messages, this.#probe.callForm(messages, this.#variables)) : messages
  }

  /** Finds the system messages that the template drops or refuses, and puts them into the next user message. */
  mergeSystemMessages(): void {
    const system = this.messages.filter((message) => message.role === 'system')
    if (system.length === 0) return
    const shown = this.#shown(this.messages)
    try {
      const text = shown === undefined ? this.#render(this.messages) : ''
      this.messages.forEach((message, i) => {
        const dropped = shown === undefined ? !text.includes(textOf(message).trim()) : !shown[i]
        if (message.role === 'system' && dropped) this.#merged.add(message)
      })
    } catch (error) {
      if (!(error instanceof TemplateRefusal)) throw error
      for (const message of system) this.#merged.add(message)
    }
  }

  /** Renders some of the messages. */
  render(messages: readonly ChatMessage[]): string {
    return this.#render(this.#merge(messages))
  }

  /**
   * Those of the messages whose text the template does not render.
   * @param text what {@link render} gave for these messages
   */
  ignored(messages: readonly ChatMessage[], text: string): ChatMessage[] {
    const merged = this.#merge(messages)
    const contents = merged.map((message) => textOf(message).trim())
    const missing = (i: number): boolean => !text.includes(contents[i]!)
    const doubtful = (i: number): boolean => contents[i] !== '' && (contents[i]!.length < tellingLength || missing(i))
    if (!contents.some((_, i) => doubtful(i))) return []
    const shown = this.#shown(merged)
    return merged.filter((_, i) => doubtful(i) && (shown === undefined ? missing(i) : !shown[i]))
  }

  #shown(messages: readonly ChatMessage[]): readonly boolean[] | undefined {
    return this.#probe.shown(messages, this.#variables, (list) => this.#render(list), String(this.#continues))
  }

  #render(messages: readonly ChatMessage[]): string {
    const last = messages.at(-1)
    const { template } = this.#probe
    if (!this.#continues || last === undefined) return template.render({ ...this.#variables, messages })
    // The mark ends in a space, which shows whether the template trims contents.
    const mark = standIn(messages.length)
    const rendered = template.render({
      ...this.#variables,
      messages: [...messages.slice(0, -1), withText(last, `${textOf(last)}${mark} `)],
    })
    const end = rendered.lastIndexOf(mark)
    if (end < 0) throw new TemplateRefusal(template.file, 'continueFinalMessage: it does not render the last message')
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
}
