/**
 * A private-use character that stands nowhere in `value`, neither as itself nor escaped as in JSON. With
 * `splitSpecialTokens` it is put into every special token that the contents hold, so that none matches, and is removed
 * before words are encoded.
 * @throws TypeError when `value` uses all of them.
 */
export function unusedCharacter(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  for (let code = 0xe000; code < 0xf900; code++) {
    const character = String.fromCharCode(code)
    if (!text.includes(character)) return character
  }
  throw new TypeError('splitSpecialTokens: expected messages that leave one private-use character unused')
}

/** A copy of plain data with `map` applied to each string in it. */
export function mapStrings<T>(value: T, map: (text: string) => string): T {
  const visit = (inner: unknown): unknown => {
    if (typeof inner === 'string') return map(inner)
    if (Array.isArray(inner)) return inner.map(visit)
    if (typeof inner === 'object' && inner !== null)
      return Object.fromEntries(Object.entries(inner).map(([key, field]) => [key, visit(field)]))
    return inner
  }
  return visit(value) as T
}
