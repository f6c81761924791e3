import type { NativeLogprobs } from '../engine/boundary.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'
import { Detokenizer } from './detokenizer.js'
import { type TokenLogprob, tokenLogprobs } from './logprobs.js'
import { type AnswerPart, TokenLedger } from './parts.js'
import { SpecialTokens } from './special-tokens.js'
import { lengthOf, type Segment, type Stage } from './stage.js'
import { StopWords } from './stop-words.js'

/** Turns one answer's tokens into parts: detokenizer, stages, and last the special tokens are left out. */
export class Answer {
  /** The tokens of all parts so far. */
  readonly tokens: number[] = []
  /** The text of all parts so far. */
  text = ''
  /** Whether a stop word or a stop token has ended the answer; later tokens are ignored. */
  stopped = false
  /** Which: a stop word, or the id of a stop token. */
  stoppedBy: string | number | undefined
  /** Those of `tokens`, when they are wanted. */
  readonly logprobs: TokenLogprob[] | undefined
  /** Of tokens that no part has yet. */
  readonly #waitingLogprobs: TokenLogprob[] = []
  readonly #table: TokenTable
  readonly #detokenizer: Detokenizer
  readonly #stopWords: StopWords
  /** From the detokenizer's text to the settled one. Parsers of reasoning and tool calls come before the stop words. */
  readonly #stages: readonly Stage[]
  readonly #specialTokens: Stage
  readonly #ledger = new TokenLedger()
  readonly #stopTokens: ReadonlySet<number>
  readonly #index: number
  #cut = false

  /**
   * @param options.continuation says that the answer continues the prompt's text, so that its leading space is kept.
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
      index?: number
      logprobs?: boolean
    },
  ) {
    this.logprobs = options.logprobs ? [] : undefined
    this.#table = table
    this.#detokenizer = new Detokenizer(table, options)
    this.#stopWords = new StopWords(options.stopWords)
    this.#stages = [this.#stopWords]
    this.#specialTokens = new SpecialTokens(options.skipSpecialTokens)
    this.#stopTokens = options.stopTokens
    this.#index = options.index ?? 0
  }

  /** The part that these tokens complete. Undefined when they add no text yet: a stop word may have begun, say. */
  push(tokens: ArrayLike<number> & Iterable<number>, logprobs?: NativeLogprobs): AnswerPart | undefined {
    if (logprobs) this.#waitingLogprobs.push(...tokenLogprobs(this.#table, tokens, logprobs))
    let text = ''
    for (const token of tokens) {
      if (this.stopped) break
      // A model may compute more logits than the tokenizer has tokens; such ids have no text. Stop tokens show none.
      const silent = this.#stopTokens.has(token) || token >= this.#table.size
      const segments = silent ? [] : this.#detokenizer.push([token])
      this.#ledger.add(token, lengthOf(segments))
      text += this.#settle(this.#stages.reduce<Segment[]>((passed, stage) => stage.push(passed), segments))
      if (!this.stopped && this.#stopTokens.has(token)) this.#stop(token)
    }
    return text === '' ? undefined : this.#part(text, this.#ledger.take())
  }

  /** The last part, with all that was held back. Undefined when neither text nor tokens are left. */
  end(): AnswerPart | undefined {
    const rest = this.#stages.reduce<Segment[]>(
      (passed, stage) => [...stage.push(passed), ...stage.end()],
      this.#detokenizer.end(),
    )
    const text = this.#settle(rest)
    return text === '' && this.#ledger.waiting === 0 ? undefined : this.#part(text, this.#ledger.takeAll())
  }

  /** The text of what has passed all stages. */
  #settle(segments: Segment[]): string {
    this.#ledger.release(lengthOf(segments))
    const { match } = this.#stopWords
    if (match !== undefined && !this.#cut) {
      this.#cut = true
      this.#stop(match.word)
      this.#ledger.cutAt(match.end)
    }
    return this.#specialTokens
      .push(segments)
      .map(({ text }) => text)
      .join('')
  }

  #stop(by: string | number): void {
    this.stopped = true
    this.stoppedBy ??= by
  }

  // Parts take tokens in the order in which they came, so their log-probabilities lie in the same order.
  #part(text: string, tokens: number[]): AnswerPart {
    this.tokens.push(...tokens)
    this.text += text
    const part: AnswerPart = { type: 'text', index: this.#index, text, tokens }
    if (!this.logprobs) return part
    const logprobs = this.#waitingLogprobs.splice(0, tokens.length)
    this.logprobs.push(...logprobs)
    return { ...part, logprobs }
  }
}
