import type { NativeLogprobs } from '../engine/boundary.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'
import { CallParts } from './call-parts.js'
import { AnswerContent } from './content.js'
import { Detokenizer } from './detokenizer.js'
import { type TokenLogprob, tokenLogprobs } from './logprobs.js'
import type { AnswerPart, PartContent } from './parts.js'
import { SpecialTokens } from './special-tokens.js'
import { lengthOf, type Segment, type Stage } from './stage.js'
import { StopWords } from './stop-words.js'
import { TokenLedger } from './token-ledger.js'

/** Turns one answer's tokens into parts: detokenizer, stages, and last the special tokens are left out. */
export class Answer extends AnswerContent {
  /** Whether a stop word or a stop token has ended the answer; later tokens are ignored. */
  stopped = false
  /** Which: a stop word, or the id of a stop token. */
  stoppedBy: string | number | undefined
  readonly #wantsLogprobs: boolean
  /** Of tokens that no part has yet. */
  readonly #waitingLogprobs: TokenLogprob[] = []
  readonly #table: TokenTable
  readonly #detokenizer: Detokenizer
  readonly #stopWords: StopWords
  /** From the detokenizer's text to the settled one. Parsers of reasoning and tool calls come before the stop words. */
  readonly #stages: readonly Stage[]
  readonly #specialTokens: Stage
  readonly #calls: CallParts
  readonly #ledger = new TokenLedger()
  readonly #stopTokens: ReadonlySet<number>
  readonly #index: number
  #cut = false

  /**
   * @param options.continuation says that the answer continues the prompt's text, so that its leading space is kept.
   * @param options.parsers find reasoning and tool calls. Default none.
   * @param options.callId makes the id of a tool call to which the model gives none.
   * @param options.index which answer of the request, from 0. Default 0.
   * @param options.logprobs says that all tokens come with log-probabilities. Default false.
   */
  constructor(
    table: TokenTable,
    options: {
      stopWords: readonly string[]
      stopTokens: ReadonlySet<number>
      skipSpecialTokens: boolean
      continuation: boolean
      parsers?: readonly Stage[]
      callId?: () => string
      index?: number
      logprobs?: boolean
    },
  ) {
    super()
    this.#wantsLogprobs = options.logprobs === true
    if (this.#wantsLogprobs) this.logprobs = []
    this.#table = table
    this.#detokenizer = new Detokenizer(table, options)
    this.#stopWords = new StopWords(options.stopWords)
    this.#stages = [...(options.parsers ?? []), this.#stopWords]
    this.#specialTokens = new SpecialTokens(options.skipSpecialTokens)
    this.#calls = new CallParts(options.callId)
    this.#stopTokens = options.stopTokens
    this.#index = options.index ?? 0
  }

  /** Tokens that say something of the reasoning so far. */
  get reasoningTokens(): number {
    return this.#ledger.reasoningTokens
  }

  /** The parts that these tokens complete. None when they add no text yet: a stop word may have begun, say. */
  push(tokens: ArrayLike<number> & Iterable<number>, logprobs?: NativeLogprobs): AnswerPart[] {
    if (logprobs) this.#waitingLogprobs.push(...tokenLogprobs(this.#table, tokens, logprobs))
    const settled: Segment[] = []
    for (const token of tokens) {
      if (this.stopped) break
      // A model may compute more logits than the tokenizer has tokens; such ids have no text. Stop tokens show none.
      const silent = this.#stopTokens.has(token) || token >= this.#table.size
      const segments = silent ? [] : this.#detokenizer.push([token])
      this.#ledger.add(token, lengthOf(segments))
      settled.push(...this.#settle(this.#stages.reduce<Segment[]>((passed, stage) => stage.push(passed), segments)))
      if (!this.stopped && this.#stopTokens.has(token)) this.#stop(token)
    }
    return this.#drafts(settled).map((draft) => this.#part(draft))
  }

  /** The last parts, with all that was held back. None when neither text nor tokens are left. */
  end(): AnswerPart[] {
    const rest = this.#stages.reduce<Segment[]>(
      (passed, stage) => [...stage.push(passed), ...stage.end()],
      this.#detokenizer.end(),
    )
    const drafts = this.#drafts(this.#settle(rest))
    const tokens = this.#ledger.takeAll()
    if (tokens.length > 0) {
      if (drafts.length === 0) drafts.push({ content: { type: 'text', text: '' }, tokens })
      else drafts.at(-1)?.tokens.push(...tokens)
    }
    return drafts.map((draft) => this.#part(draft))
  }

  #settle(segments: Segment[]): Segment[] {
    const { match } = this.#stopWords
    if (match !== undefined && !this.#cut) {
      this.#cut = true
      this.#stop(match.word)
      this.#ledger.cutAt(match.end)
    }
    return segments
  }

  #stop(by: string | number): void {
    this.stopped = true
    this.stoppedBy ??= by
  }

  /** What the segments say, each with the tokens that complete it. */
  #drafts(segments: readonly Segment[]): Draft[] {
    const drafts: Draft[] = []
    let open: Open | undefined
    const close = (): void => {
      if (open !== undefined && open.text !== '') {
        const content = open.reasoning ? reasoningOf(open.text) : textOf(open.text)
        drafts.push({ content, tokens: this.#ledger.take() })
      }
      open = undefined
    }
    for (const segment of segments) {
      const { kind, events = [], text } = segment
      const reasoning = kind === 'reasoning'
      const shown = kind === undefined || reasoning
      if (!shown || reasoning !== open?.reasoning) close()
      this.#ledger.release(text.length, reasoning)
      if (shown) {
        open ??= { reasoning, text: '' }
        open.text += this.#specialTokens.push([segment])[0]?.text ?? ''
      }
      for (const event of events) {
        for (const content of this.#calls.push(event)) drafts.push({ content, tokens: this.#ledger.take() })
      }
    }
    close()
    return drafts
  }

  // Parts take tokens in the order in which they came, so their log-probabilities lie in the same order.
  #part({ content, tokens }: Draft): AnswerPart {
    const part: AnswerPart = { ...content, index: this.#index, tokens }
    if (this.#wantsLogprobs) part.logprobs = this.#waitingLogprobs.splice(0, tokens.length)
    this.add(part)
    return part
  }
}

/** A part before it knows its answer. */
interface Draft {
  content: PartContent
  tokens: number[]
}

/** Text or reasoning that may go on with the next segment. */
interface Open {
  reasoning: boolean
  text: string
}

const textOf = (text: string): PartContent => ({ type: 'text', text })
const reasoningOf = (reasoningText: string): PartContent => ({ type: 'reasoning', text: '', reasoningText })
