import { larkText } from '../grammar/lark.js'
import type { TextWorker } from '../text/worker/text-worker.js'

/** What tells how a model writes the marks of its answers: as special tokens of their own, or as letters. */
export type MarkedText = Pick<TextWorker, 'addedTokenId' | 'tokens'>

/** Whether a mark is a special token of the model. */
export const isSpecial = (text: MarkedText, mark: string): boolean =>
  text.tokens.special[text.addedTokenId(mark) ?? -1] === 1

/** How Lark names a mark: a special token by its id, any other by its letters. */
export function markOf(text: MarkedText): (mark: string) => string {
  return (mark) => (isSpecial(text, mark) ? `<[${text.addedTokenId(mark)}]>` : larkText(mark))
}

/** Marks and letters as the engine looks for them: a special token is 256 + its id, and of anything else each byte is itself. */
export const symbolsOf = (text: MarkedText, pieces: readonly string[]): number[] =>
  pieces.flatMap((piece) =>
    isSpecial(text, piece) ? [256 + (text.addedTokenId(piece) as number)] : [...new TextEncoder().encode(piece)],
  )
