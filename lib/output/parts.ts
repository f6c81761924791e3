import type { TokenLogprob } from './logprobs.js'

/** A piece of an answer, as it comes. More kinds of parts will follow: look at `type`. */
export interface TextPart {
  type: 'text'
  /** Of the request. */
  requestId: string
  /** Which answer of the request, from 0. */
  index: number
  text: string
  /** The tokens since the part before; all parts' tokens together are the answer's. */
  tokens: number[]
  /** With the option `logprobs`: one for each of `tokens`. */
  logprobs?: TokenLogprob[]
}

/** A part of a stream. */
export type StreamPart = TextPart

/** A part before the stream says whose it is. */
export type AnswerPart = Omit<TextPart, 'requestId'>

/** A token, and where its text ends. */
interface Placed {
  token: number
  end: number
}

/**
 * Says which tokens belong to which part: a token goes with the part that completes its text. Positions count UTF-16
 * units of all the answer's text, special tokens included.
 */
export class TokenLedger {
  #produced = 0
  #released = 0
  #waiting: Placed[] = []

  /** Tokens that are in no part yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** A token came, whose text has so many units. */
  add(token: number, length: number): void {
    this.#produced += length
    this.#waiting.push({ token, end: this.#produced })
  }

  /** So many units of text are in parts now, or were dropped by the last stage. */
  release(length: number): void {
    this.#released += length
  }

  /** Forgets the tokens behind the one that reaches `position`: decoding may have run past a stop word. */
  cutAt(position: number): void {
    const last = this.#waiting.findIndex(({ end }) => end >= position)
    this.#waiting.splice(last + 1)
  }

  /** Takes the tokens whose text has been released. */
  take(): number[] {
    const held = this.#waiting.findIndex(({ end }) => end > this.#released)
    return this.#waiting.splice(0, held < 0 ? this.#waiting.length : held).map(({ token }) => token)
  }

  /** Takes all that is left. */
  takeAll(): number[] {
    return this.#waiting.splice(0).map(({ token }) => token)
  }
}
