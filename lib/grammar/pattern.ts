/** What `\s` is in ECMAScript, inside brackets. */
const space =
  '\\t\\n\\x0b\\x0c\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}'

/** Classes of characters by their letter, inside brackets; a capital letter is all others. */
const classes: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: space }

const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 }

/** A character, and its place in the pattern behind it. */
type Atom = { next: number; code: number } | { next: number; set: string }

/**
 * A regular expression of JSON Schema, which is ECMAScript's with the flag `u`, in the syntax of Rust's crate regex, where `.`, `\s` and
 * brackets within brackets mean something else. What that crate does not have stays as it is, to be refused with its words.
 */
export function rustPattern(pattern: string): string {
  let rust = ''
  for (let at = 0; at < pattern.length; ) {
    const char = String.fromCodePoint(pattern.codePointAt(at) ?? 0)
    if (char === '\\') {
      // Backreferences and borders of words.
      const kept = /^\\(?:[bB1-9]|k<)/.exec(pattern.slice(at, at + 3))
      const atom = kept ? { next: at + kept[0].length, set: kept[0] } : escapeAt(pattern, at)
      rust += 'code' in atom ? literal(atom.code) : kept ? atom.set : `[${atom.set}]`
      at = atom.next
    } else if (char === '[') {
      const found = brackets(pattern, at)
      rust += found.set
      at = found.next
    } else if (char === '{' && /^\{\d+(,\d*)?\}/.test(pattern.slice(at))) {
      const end = pattern.indexOf('}', at) + 1
      rust += pattern.slice(at, end)
      at = end
    } else {
      rust += char === '.' ? '[^\\n\\r\\x{2028}\\x{2029}]' : /[{}\]]/.test(char) ? `\\${char}` : char
      at += char.length
    }
  }
  return rust
}

const literal = (code: number): string => {
  const char = code > 0xffff || (code >= 0xd800 && code < 0xe000) ? '' : String.fromCharCode(code)
  return /^[A-Za-z0-9_]$/.test(char) ? char : `\\x{${code.toString(16)}}`
}

/** What a backslash begins. */
function escapeAt(pattern: string, at: number): Atom {
  const letter = pattern[at + 1] ?? ''
  const set = classes[letter.toLowerCase()]
  if (set !== undefined) return { next: at + 2, set: letter === letter.toLowerCase() ? set : `[^${set}]` }
  const rest = pattern.slice(at)
  const property = /^\\[pP]\{[^}]*\}/.exec(rest)
  if (property) return { next: at + property[0].length, set: property[0] }
  const pair = /^\\u([dD][89abAB][\da-fA-F]{2})\\u([dD][c-fC-F][\da-fA-F]{2})/.exec(rest)
  if (pair) {
    const [high = 0, low = 0] = pair.slice(1).map((hex) => Number.parseInt(hex, 16))
    return { next: at + 12, code: (high - 0xd800) * 0x400 + (low - 0xdc00) + 0x10000 }
  }
  const hex = /^\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]+)\})/.exec(rest)
  if (hex) return { next: at + hex[0].length, code: Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16) }
  const control = /^\\c([A-Za-z])/.exec(rest)?.[1]
  if (control) return { next: at + 3, code: control.charCodeAt(0) % 32 }
  const code = Object.hasOwn(controls, letter) ? controls[letter] : pattern.codePointAt(at + 1)
  // A pattern that ends with a backslash is none; Rust says so.
  if (code === undefined) return { next: at + 1, set: '\\' }
  return { next: at + (code > 0xffff ? 3 : 2), code }
}

/** From a bracket to the one that closes it. */
function brackets(pattern: string, begin: number): { next: number; set: string } {
  const negated = pattern[begin + 1] === '^'
  let at = begin + (negated ? 2 : 1)
  const take = (): Atom => {
    // Within brackets it is a backspace.
    if (pattern.startsWith('\\b', at)) return { next: at + 2, code: 8 }
    if (pattern[at] === '\\') return escapeAt(pattern, at)
    const code = pattern.codePointAt(at) ?? 0
    return { next: at + (code > 0xffff ? 2 : 1), code }
  }
  let set = ''
  while (at < pattern.length && pattern[at] !== ']') {
    const first = take()
    at = first.next
    set += 'code' in first ? literal(first.code) : first.set
    if (!('code' in first) || pattern[at] !== '-' || at + 1 >= pattern.length || pattern[at + 1] === ']') continue
    const dash = at
    at++
    const last = take()
    if ('code' in last) {
      set += `-${literal(last.code)}`
      at = last.next
    } else {
      set += literal('-'.charCodeAt(0))
      at = dash + 1
    }
  }
  if (at >= pattern.length) return { next: at, set: pattern.slice(begin) }
  const all = '\\x{0}-\\x{10ffff}'
  if (set === '') return { next: at + 1, set: negated ? `[${all}]` : `[^${all}]` }
  return { next: at + 1, set: `[${negated ? '^' : ''}${set}]` }
}
