/** A token outside the model's vocabulary, which is matched in the text before anything else happens to it. */
export interface AddedToken {
  id: number
  content: string
  /** Matches only where no word character stands next to it. */
  singleWord: boolean
  /** Swallows the whitespace before it. */
  lstrip: boolean
  /** Swallows the whitespace after it. */
  rstrip: boolean
  /** Matches in the normalized text. */
  normalized: boolean
  /** Left out of the text when special tokens are skipped. */
  special: boolean
}

/** A piece of text without added tokens, or the id of an added token. `start` is its offset in UTF-16 units. */
export type Piece = { start: number; text: string } | { start: number; id: number }

interface Node {
  next: Map<number, Node>
  token: AddedToken | undefined
}

const space = /^\p{White_Space}$/u
const word = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]$/u

/** Finds added tokens in a text: the leftmost match first, and the longest of those that start together. */
export class AddedTokenMatcher {
  readonly #root: Node = { next: new Map(), token: undefined }

  /** @param patterns for each token, what stands for it in the text. */
  constructor(patterns: Iterable<readonly [string, AddedToken]>) {
    for (const [pattern, token] of patterns) {
      if (pattern === '') continue
      let node = this.#root
      for (let i = 0; i < pattern.length; i++) {
        const unit = pattern.charCodeAt(i)
        let next = node.next.get(unit)
        if (next === undefined) {
          next = { next: new Map(), token: undefined }
          node.next.set(unit, next)
        }
        node = next
      }
      node.token = token
    }
  }

  /** Visits every match, overlapping ones too, with its start and its token. */
  overlapping(text: string, visit: (start: number, token: AddedToken) => void): void {
    for (let start = 0; start < text.length; start++) {
      let node = this.#root.next.get(text.charCodeAt(start))
      for (let i = start + 1; node !== undefined; i++) {
        if (node.token !== undefined) visit(start, node.token)
        node = i < text.length ? node.next.get(text.charCodeAt(i)) : undefined
      }
    }
  }

  /**
   * Cuts `text` at its added tokens.
   * @param plainSpecial treats special tokens as plain text (`split_special_tokens`).
   */
  split(text: string, plainSpecial: boolean): Piece[] {
    const pieces: Piece[] = []
    let done = 0
    for (let at = 0; at < text.length; ) {
      const token = this.#longest(text, at)
      if (token === undefined) {
        at++
        continue
      }
      let start = at
      let end = at + token.length
      at = end
      const found = token.token
      if (plainSpecial && found.special) continue
      if (found.singleWord && (isWord(lastCharacter(text, start)) || isWord(firstCharacter(text, end)))) continue
      if (found.lstrip) while (start > done && space.test(text.charAt(start - 1))) start--
      if (found.rstrip) while (end < text.length && space.test(text.charAt(end))) end++
      if (done < start) pieces.push({ start: done, text: text.slice(done, start) })
      pieces.push({ start, id: found.id })
      done = end
    }
    if (done < text.length) pieces.push({ start: done, text: text.slice(done) })
    return pieces
  }

  #longest(text: string, start: number): { token: AddedToken; length: number } | undefined {
    let best: { token: AddedToken; length: number } | undefined
    let node = this.#root.next.get(text.charCodeAt(start))
    for (let i = start + 1; node !== undefined; i++) {
      if (node.token !== undefined) best = { token: node.token, length: i - start }
      node = i < text.length ? node.next.get(text.charCodeAt(i)) : undefined
    }
    return best
  }
}

const isWord = (character: string): boolean => word.test(character)
const firstCharacter = (text: string, at: number): string =>
  at < text.length ? String.fromCodePoint(text.codePointAt(at)!) : ''

function lastCharacter(text: string, end: number): string {
  const low = end > 1 && (text.charCodeAt(end - 1) & 0xfc00) === 0xdc00
  return text.slice(Math.max(0, end - (low ? 2 : 1)), end)
}
