import { Answer } from '#lib/output/answer.js'
import type { AnswerPart, ToolCall } from '#lib/output/parts.js'
import type { Stage } from '#lib/output/stage.js'
import { tableOf } from '../../generation/table.js'

/** What the parts of an answer say. Runs of parts of a kind are one. */
export interface Said {
  /** Text and reasoning in their order, and tool calls. */
  parts: (['text' | 'reasoning', string] | ['call', string, string])[]
  calls: Omit<ToolCall, 'id'>[]
}

/**
 * What an answer says whose text comes in these pieces.
 * @param special pieces that are special tokens
 */
export function said(pieces: readonly string[], parsers: readonly Stage[], special: readonly string[] = []): Said {
  const marks = Uint8Array.from(pieces, (piece) => (special.includes(piece) ? 1 : 0))
  const table = { ...tableOf([...pieces]), special: marks, added: marks }
  const rest = { stopWords: [], stopTokens: new Set<number>(), skipSpecialTokens: true, continuation: true }
  const answer = new Answer(table, { ...rest, parsers })
  const parts = [...pieces.flatMap((_, token) => answer.push([token])), ...answer.end()]
  const tokens = parts.flatMap((part) => part.tokens)
  if (tokens.join() !== pieces.map((_, token) => token).join()) throw new Error(`tokens are lost: ${tokens}`)
  if (parts.some((part) => part.type !== 'text' && part.text !== '')) throw new Error('text outside of a text part')
  return { parts: merged(parts), calls: answer.toolCalls.map(({ id: _, ...call }) => call) }
}

function merged(parts: readonly AnswerPart[]): Said['parts'] {
  const out: Said['parts'] = []
  for (const part of parts) {
    const last = out.at(-1)
    if (part.type === 'text' || part.type === 'reasoning') {
      const text = part.type === 'text' ? part.text : part.reasoningText
      if (last?.[0] === part.type) last[1] += text
      else if (text !== '') out.push([part.type, text])
    } else if (part.type === 'tool-call-start') out.push(['call', part.name, ''])
    else if (part.type === 'tool-call-delta' && last?.[0] === 'call') last[2] += part.argumentsText
  }
  return out
}

/** A text with its special tokens as pieces of their own. */
export function piecesOf(text: string, special: readonly string[]): string[] {
  if (special.length === 0) return text === '' ? [] : [text]
  const escaped = special.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return text.split(new RegExp(`(${escaped.join('|')})`)).filter((piece) => piece !== '')
}

/** The text whole, in single characters, and cut in two at every position; special tokens are not cut. */
export function* cuts(text: string, special: readonly string[] = []): Generator<string[]> {
  const pieces = piecesOf(text, special)
  yield pieces
  yield pieces.flatMap((piece) => (special.includes(piece) ? [piece] : [...piece]))
  for (const [i, piece] of pieces.entries()) {
    if (special.includes(piece)) continue
    for (let at = 1; at < piece.length; at++) {
      yield [...pieces.slice(0, i), piece.slice(0, at), piece.slice(at), ...pieces.slice(i + 1)]
    }
  }
}
