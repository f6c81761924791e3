import { randomUUID } from 'node:crypto'
import type { GrowingAnswer } from '../generation/stream.js'
import { argumentsIn } from '../output/call-parts.js'
import { AnswerContent } from '../output/content.js'
import type { AnswerPart, PartContent } from '../output/parts.js'
import type { CallDelta, Choice } from './chunk.js'
import { logprobsIn } from './probabilities.js'

/** A tool call that may still grow. */
interface OpenCall {
  index: number
  id: string
  name: string
  arguments: string
}

/** Makes the parts of one answer from what a server says of it. */
export class RemoteAnswer extends AnswerContent implements GrowingAnswer {
  readonly stopped = false
  stoppedBy: string | number | undefined
  reasoningTokens = 0
  /** OpenAI's word for why it ended; undefined while it goes on. */
  finishReason: string | undefined
  readonly #index: number
  /** Likeliest tokens that were asked for with each token; undefined without log-probabilities. */
  readonly #top: number | undefined
  #call: OpenCall | undefined
  #waiting: AnswerPart[] = []

  constructor(index: number, top: number | undefined) {
    super()
    this.#index = index
    this.#top = top
    if (top !== undefined) this.logprobs = []
  }

  /** Whether {@link push} gives any. */
  get hasParts(): boolean {
    return this.#waiting.length > 0
  }

  /** The next piece. */
  take(choice: Choice): void {
    const contents = this.#contentsOf(choice)
    const { tokens } = choice
    const logprobs = this.#top === undefined ? undefined : logprobsIn(choice.logprobs, tokens, this.#top)
    if (contents.length === 0 && (tokens.length > 0 || logprobs?.length)) contents.push({ type: 'text', text: '' })
    contents.forEach((content, i) => {
      this.#wait(content, i === 0 ? [...tokens] : [], i === 0 ? logprobs : [])
    })
    this.stoppedBy = choice.stoppedBy ?? this.stoppedBy
    this.finishReason = choice.finishReason ?? this.finishReason
  }

  /** The parts since the last call. */
  push(): AnswerPart[] {
    const parts = this.#waiting
    this.#waiting = []
    for (const part of parts) this.add(part)
    return parts
  }

  /** The last ones. */
  end(): AnswerPart[] {
    const last = this.#closed()
    if (last) this.#wait(last, [], [])
    return this.push()
  }

  #contentsOf({ reasoning, text, calls }: Choice): PartContent[] {
    const contents: PartContent[] = []
    if (reasoning !== '') contents.push({ type: 'reasoning', text: '', reasoningText: reasoning })
    if (text !== '') contents.push({ type: 'text', text })
    for (const call of calls) contents.push(...this.#grow(call))
    return contents
  }

  #grow(delta: CallDelta): PartContent[] {
    const contents: PartContent[] = []
    const open = this.#call
    // Some servers number all calls 0, and some repeat the id in every piece.
    const isSame = open?.index === delta.index && (delta.id === '' || delta.id === open.id)
    const call = isSame
      ? (open as OpenCall)
      : { index: delta.index, id: delta.id || `call_${randomUUID()}`, name: delta.name, arguments: '' }
    if (!isSame) {
      const complete = this.#closed()
      if (complete) contents.push(complete)
      this.#call = call
      contents.push({ type: 'tool-call-start', text: '', id: call.id, name: call.name })
    }
    if (delta.arguments !== '') {
      call.arguments += delta.arguments
      contents.push({ type: 'tool-call-delta', text: '', id: call.id, argumentsText: delta.arguments })
    }
    return contents
  }

  /** The call that is open, when it is complete: one that the end of the answer cut is none. */
  #closed(): PartContent | undefined {
    const call = this.#call
    this.#call = undefined
    // Nothing at all stands for no arguments.
    const given = call && argumentsIn(call.arguments.trim() || '{}')
    return call && given && { type: 'tool-call', text: '', id: call.id, name: call.name, arguments: given }
  }

  #wait(content: PartContent, tokens: number[], logprobs: AnswerPart['logprobs']): void {
    const part = { ...content, index: this.#index, tokens } as AnswerPart
    this.#waiting.push(this.#top === undefined ? part : { ...part, logprobs: logprobs ?? [] })
  }
}
