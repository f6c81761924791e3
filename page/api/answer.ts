import type { AssistantTurn, ToolCall } from '../chats/chat.js'

/** What a chunk of a stream may hold; a server may also send something else. */
interface Chunk {
  error?: { message?: unknown }
  choices?: { delta?: Delta; finish_reason?: unknown }[]
  usage?: {
    prompt_tokens?: number
    completion_tokens?: number
    prompt_tokens_details?: { cached_tokens?: number }
  } | null
}

interface Delta {
  content?: unknown
  reasoning_content?: unknown
  tool_calls?: { index?: unknown; id?: unknown; function?: { name?: unknown; arguments?: unknown } }[]
}

/** Puts an answer together out of a stream's chunks. */
export class Answer {
  readonly #turn: AssistantTurn
  readonly #now: () => number
  readonly #asked: number
  #first: number | undefined
  #last = 0
  readonly #calls = new Map<unknown, ToolCall>()

  /**
   * @param turn is filled
   * @param now milliseconds of a clock that only goes forward
   */
  constructor(turn: AssistantTurn, now: () => number) {
    this.#turn = turn
    this.#now = now
    this.#asked = now()
  }

  /** @param data of one event @throws Error with what the server says went wrong, or for what is no chunk */
  add(data: string): void {
    const chunk = JSON.parse(data) as Chunk | null
    if (chunk?.error) throw new Error(String(chunk.error.message ?? 'the server failed'))
    const [choice] = chunk?.choices ?? []
    if (choice?.delta) this.#addDelta(choice.delta)
    if (typeof choice?.finish_reason === 'string') this.#turn.finish = choice.finish_reason
    if (chunk?.usage) this.#count(chunk.usage)
  }

  #addDelta({ content, reasoning_content: reasoning, tool_calls: calls }: Delta): void {
    const said = [content, reasoning].some((text) => typeof text === 'string' && text !== '')
    if (!said && !calls?.length) return
    this.#last = this.#now()
    this.#first ??= this.#last
    if (typeof content === 'string') this.#turn.text += content
    if (typeof reasoning === 'string') this.#turn.reasoning += reasoning
    for (const { index, id, function: called } of calls ?? []) {
      let call = this.#calls.get(index)
      if (!call) {
        call = { id: String(id ?? ''), name: String(called?.name ?? ''), arguments: '' }
        this.#calls.set(index, call)
        this.#turn.toolCalls.push(call)
      }
      if (typeof called?.arguments === 'string') call.arguments += called.arguments
    }
  }

  #count({
    prompt_tokens: promptTokens = 0,
    completion_tokens: tokens = 0,
    prompt_tokens_details: details,
  }: NonNullable<Chunk['usage']>): void {
    const first = this.#first ?? this.#now()
    const seconds = (this.#last - first) / 1000
    this.#turn.figures = {
      firstToken: first - this.#asked,
      tokens,
      promptTokens,
      cachedTokens: details?.cached_tokens ?? 0,
      // An answer that came at once says nothing of the pace.
      tokensPerSecond: seconds > 0.01 && tokens > 1 ? (tokens - 1) / seconds : 0,
    }
  }
}
