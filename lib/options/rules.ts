/** Says what a value was, for messages: `'hot' of type string`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'object')
    return Array.isArray(value) ? 'an array' : `an object of class ${value.constructor?.name ?? 'null'}`
  if (typeof value === 'function') return 'a function'
  const text = typeof value === 'string' ? `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'` : String(value)
  return `${text} of type ${typeof value}`
}

/** One row of an options table: what is expected, in words, and whether a value is that. */
export interface Rule {
  expected: string
  accepts(value: unknown): boolean
}

const rule = (expected: string, accepts: (value: unknown) => boolean): Rule => ({ expected, accepts })

export const boolean: Rule = rule('a boolean', (value) => typeof value === 'boolean')
export const string: Rule = rule('a string', (value) => typeof value === 'string')
export const callback: Rule = rule('a function', (value) => typeof value === 'function')
export const signal: Rule = rule('an AbortSignal', (value) => value instanceof AbortSignal)
export const object: Rule = rule(
  'a plain object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
)
export const array: Rule = rule('an array', Array.isArray)
export const oneOf = (...words: string[]): Rule =>
  rule(words.map((word) => `'${word}'`).join(' or '), (value) => words.includes(value as string))
export const number = (words: string, inside: (value: number) => boolean): Rule =>
  rule(`a number ${words}`, (value) => typeof value === 'number' && Number.isFinite(value) && inside(value))
export const integer = (min: number, max = 2 ** 31 - 1): Rule =>
  rule(
    `an integer from ${min} to ${max}`,
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  )
export const infinity: Rule = rule('Infinity', (value) => value === Number.POSITIVE_INFINITY)
export const listOf = (item: Rule, limit: number): Rule =>
  rule(`an array of at most ${limit}, each ${item.expected}`, (value) => {
    return Array.isArray(value) && value.length <= limit && value.every((each) => item.accepts(each))
  })
export const pair = (first: Rule, second: Rule): Rule =>
  rule(`an array of two, ${first.expected} and ${second.expected}`, (value) => {
    return Array.isArray(value) && value.length === 2 && first.accepts(value[0]) && second.accepts(value[1])
  })
export const either = (first: Rule, second: Rule): Rule =>
  rule(`${first.expected} or ${second.expected}`, (value) => first.accepts(value) || second.accepts(value))

/**
 * Checks options against their table.
 * @throws TypeError that names the option, what was expected and what was found; an unknown option comes with the nearest known one.
 */
export function checkOptions(options: unknown, table: Readonly<Record<string, Rule>>, what: string): void {
  if (!object.accepts(options)) throw new TypeError(`expected ${what} to be an object, received ${describe(options)}`)
  for (const [name, value] of Object.entries(options as Record<string, unknown>)) {
    const known = Object.hasOwn(table, name) ? table[name] : undefined
    if (!known) throw new TypeError(`unknown option ${name} in ${what}${didYouMean(name, Object.keys(table))}`)
    if (value !== undefined && !known.accepts(value)) {
      throw new TypeError(`expected ${name} to be ${known.expected}, received ${describe(value)}`)
    }
  }
}

/** `; did you mean topP?` when a known name is near, else the list of all. */
export function didYouMean(name: string, known: readonly string[]): string {
  const plain = (word: string) => word.replaceAll('_', '').toLowerCase()
  const ranked = known
    .map((word) => ({ word, distance: editDistance(plain(name), plain(word)) }))
    .sort((a, b) => a.distance - b.distance)
  const nearest = ranked[0]
  if (nearest && nearest.distance <= Math.max(1, Math.floor(nearest.word.length / 3)))
    return `; did you mean ${nearest.word}?`
  return `; known are ${known.join(', ')}`
}

/** Levenshtein distance; names only, so their length is bounded. */
function editDistance(a: string, b: string): number {
  a = a.slice(0, 64)
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
