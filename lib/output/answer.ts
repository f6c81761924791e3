import type { TokenTable } from '../text/tokenizer/token-table.js'
import { Detokenizer } from './detokenizer.js'
import { type TextPart, TokenLedger } from './parts.js'
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
  readonly #detokenizer: Detokenizer
  readonly #stopWords: StopWords
  /** From the detokenizer's text to the settled one. Parsers of reasoning and tool calls come before the stop words. */
  readonly #stages: readonly Stage[]
  readonly #specialTokens: Stage
  readonly #ledger = new TokenLedger()
  readonly #stopTokens: ReadonlySet<number>
  readonly #tableSize: number
  readonly #index: number
  #cut = false

  /**
   * @param options.continuation says that the answer continues the prompt's text, so that its leading space is kept.
   * @param options.index which answer of the request, from 0. Default 0.
   */
  constructor(
    table: TokenTable,
    options: {
      stopWords: readonly string[]
      stopTokens: ReadonlySet<number>
      skipSpecialTokens: boolean
      continuation: boolean
      index?: number
    },
  ) {
    this.#detokenizer = new Detokenizer(table, options)
    this.#stopWords = new StopWords(options.stopWords)
    this.#stages = [this.#stopWords]
    this.#specialTokens = new SpecialTokens(options.skipSpecialTokens)
    this.#stopTokens = options.stopTokens
    this.#tableSize = table.size
    this.#index = options.index ?? 0
  }

  /** The part that these tokens complete. Undefined when they add no text yet: a stop word may have begun, say. */
  push(tokens: Iterable<number>): TextPart | undefined {
    let text = ''
    for (const token of tokens) {
      if (this.stopped) break
      // A model may compute more logits than the tokenizer has tokens; such ids have no text. Stop tokens show none.
      const silent = this.#stopTokens.has(token) || token >= this.#tableSize
      const segments = silent ? [] : this.#detokenizer.push([token])
      this.#ledger.add(token, lengthOf(segments))
      text += this.#settle(this.#stages.reduce<Segment[]>((passed, stage) => stage.push(passed), segments))
      this.stopped ||= this.#stopTokens.has(token)
    }
    return text === '' ? undefined : this.#part(text, this.#ledger.take())
  }

  /** The last part, with all that was held back. Undefined when neither text nor tokens are left. */
  end(): TextPart | undefined {
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
      this.#cut = this.stopped = true
      this.#ledger.cutAt(match.end)
    }
    return this.#specialTokens
      .push(segments)
      .map(({ text }) => text)
      .join('')
  }

  #part(text: string, tokens: number[]): TextPart {
    this.tokens.push(...tokens)
    this.text += text
    return { type: 'text', index: this.#index, text, tokens }
  }
}
