import type { CallEvent } from './formats/call-events.js'

/** A stretch of an answer's text. Special tokens are segments of their own. */
export interface Segment {
  text: string
  special: boolean
  /**
   * What it is, when it is not text of the answer: reasoning, what a model writes of a tool call, or something that only parts these from
   * each other and is dropped.
   */
  kind?: 'reasoning' | 'call' | 'marker'
  /** What became known of a tool call with this stretch. */
  events?: readonly CallEvent[]
}

/**
 * One stage on the way from tokens to parts: detokenizer, then stages like this, one after the other. A stage may hold
 * text back until it knows what it is (a stop word that has only begun), and some mark it (as reasoning, or as a tool
 * call). Text keeps its order, and only the last stage drops any: tokens are counted by the length of what the others
 * let through.
 */
export interface Stage {
  /** Takes text in, and gives out what is settled. */
  push(segments: readonly Segment[]): Segment[]
  /** No more text comes: gives out what was held back. */
  end(): Segment[]
}

/** UTF-16 units of all segments together. */
export function lengthOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { text }) => sum + text.length, 0)
}
