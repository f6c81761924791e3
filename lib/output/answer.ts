import type { TokenTable } from '../text/tokenizer/token-table.js'
import { Detokenizer, type Segment } from './detokenizer.js'
import { type StopResult, StopWords } from './stop-words.js'

/** A piece of an answer, as it comes. More kinds of parts will follow: look at `type`. */
export interface TextPart {
  type: 'text'
  /** Which answer of the request, from 0. */
  index: number
  text: string
  /** The tokens since the part before; all parts' tokens together are the answer's. */
  tokens: number[]
}

/** A part of a stream. */
export type StreamPart = TextPart

/** A token and where its text ends, in UTF-16 units of all the answer's text, special tokens included. */
interface Placed {
  token: number
  end: number
}

/** Turns one answer's tokens into text: detokenizer, stop words, and last the special tokens are left out. */
export class Answer {
  /** The tokens of all parts so far. */
  readonly tokens: number[] = []
  /** The text of all parts so far. */
  text = ''
  /** A stop word or a stop token was found; what comes after it is ignored. */
  stopped = false
  readonly #detokenizer: Detokenizer
  readonly #stopWords: StopWords
  readonly #stopTokens: ReadonlySet<number>
  readonly #tableSize: number
  readonly #skipSpecial: boolean
  readonly #index: number
  #produced = 0
  #released = 0
  #waiting: Placed[] = []

  /**
   * @param options.continuation the prompt is text that the answer goes on with: a leading space is then kept.
   * @param options.index which answer of the request; default 0
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
    this.#stopTokens = options.stopTokens
    this.#tableSize = table.size
    this.#skipSpecial = options.skipSpecialTokens
    this.#index = options.index ?? 0
  }

  /** The part that these tokens complete, or undefined when they may begin a stop word or are half a character. */
  push(tokens: Iterable<number>): TextPart | undefined {
    let text = ''
    for (const token of tokens) {
      if (this.stopped) break
      // A model may have more logits than the tokenizer has tokens: those have no text. Nor has a stop token.
      const silent = this.#stopTokens.has(token) || token >= this.#tableSize
      const segments = silent ? [] : this.#detokenizer.push([token])
      this.#produced += length(segments)
      this.#waiting.push({ token, end: this.#produced })
      text += this.#take(this.#stopWords.push(segments))
      this.stopped ||= this.#stopTokens.has(token)
    }
    return text === '' ? undefined : this.#part(text)
  }

  /** What was held back; undefined when there is neither text nor a token left to report. */
  end(): TextPart | undefined {
    const rest = this.#stopWords.push(this.#detokenizer.end())
    const text = this.#take(rest) + (rest.stopped ? '' : this.#take(this.#stopWords.end()))
    this.#released = Number.POSITIVE_INFINITY
    return text === '' && this.#waiting.length === 0 ? undefined : this.#part(text)
  }

  #take({ segments, stopped, match }: StopResult): string {
    this.stopped ||= stopped
    this.#released += length(segments)
    if (match) {
      // The token that completes the stop word is the last; decoding may have run past it.
      const last = this.#waiting.findIndex(({ end }) => end >= match.end)
      this.#waiting.splice(last + 1)
    }
    return segments.map((segment) => (segment.special && this.#skipSpecial ? '' : segment.text)).join('')
  }

  #part(text: string): TextPart {
    const held = this.#waiting.findIndex(({ end }) => end > this.#released)
    const tokens = this.#waiting.splice(0, held < 0 ? this.#waiting.length : held).map(({ token }) => token)
    this.tokens.push(...tokens)
    this.text += text
    return { type: 'text', index: this.#index, text, tokens }
  }
}

function length(segments: readonly Segment[]): number {
  return segments.reduce((sum, { text }) => sum + text.length, 0)
}
