import type { TokenLogprob } from './logprobs.js'
import type { AnswerPart, ToolCall } from './parts.js'

/** What the parts of one answer come to. */
export class AnswerContent {
  /** The text of all parts so far. */
  text = ''
  /** Their reasoning. */
  reasoningText = ''
  /** The tool calls that are complete. */
  readonly toolCalls: ToolCall[] = []
  /** The tokens of all parts so far. */
  readonly tokens: number[] = []
  /** One for each of `tokens`, when parts have them. */
  logprobs: TokenLogprob[] | undefined

  protected add(part: AnswerPart): void {
    this.text += part.text
    this.tokens.push(...part.tokens)
    if (part.logprobs) {
      this.logprobs ??= []
      this.logprobs.push(...part.logprobs)
    }
    switch (part.type) {
      case 'reasoning':
        this.reasoningText += part.reasoningText
        break
      case 'tool-call':
        this.toolCalls.push({ id: part.id, name: part.name, arguments: part.arguments })
        break
    }
  }
}
