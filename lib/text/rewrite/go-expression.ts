/**
 * A regular expression in Go's syntax (RE2) as one of JavaScript, which matches the same. What JavaScript cannot say is refused: flags in the
 * middle, and `(?U)`.
 *
 * @param flags further ones, e.g. `g`
 * @throws SyntaxError that says what is wrong
 */
export function goExpression(source: string, flags = ''): RegExp {
  const [prefix = '', given = ''] = /^\(\?([a-zA-Z-]+)\)/.exec(source) ?? []
  const others = given.replace(/[ims]/g, '')
  if (others !== '') throw new SyntaxError(`flags (?${given}) are not known; known are i, m and s`)
  const dotAll = given.includes('s')
  let text = ''
  let inClass = false
  for (let rest = source.slice(prefix.length); rest !== ''; ) {
    const token = nextToken(rest, inClass)
    rest = rest.slice(token.length)
    if (token === '[' && !inClass) {
      inClass = true
      text += '['
      // The first `]` of a class is a character.
      const [first = ''] = /^\^?\]?/.exec(rest) ?? []
      rest = rest.slice(first.length)
      text += first.replace(']', '\\]')
    } else {
      if (token === ']') inClass = false
      text += translated(token, inClass, dotAll)
    }
  }
  return new RegExp(text, `u${given.replace('s', dotAll ? 's' : '')}${flags}`)
}

/** One character, an escape, a class by name, or the beginning of a group. */
function nextToken(rest: string, inClass: boolean): string {
  const pattern = inClass
    ? /^(?:\[:\^?[a-z]+:\]|\\[pP](?:\{[^}]*\}|.)|\\[\s\S]|[\s\S])/u
    : /^(?:\\Q[\s\S]*?(?:\\E|$)|\\[pP](?:\{[^}]*\}|.)|\\[\s\S]|\(\?P<|\{\d+(?:,\d*)?\}|[\s\S])/u
  return pattern.exec(rest)?.[0] ?? rest
}

/** Classes by name that stand inside a class. */
const named: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}
/** Spaces to Go, which are fewer than JavaScript's. */
const spaces = '\\t\\n\\f\\r '

function translated(token: string, inClass: boolean, dotAll: boolean): string {
  if (token.startsWith('[:') && token.length > 2) {
    const name = token.slice(2, -2)
    if (!Object.hasOwn(named, name)) throw new SyntaxError(`no class ${token}`)
    return named[name] as string
  }
  if (token.startsWith('\\Q'))
    return token
      .slice(2)
      .replace(/\\E$/, '')
      .replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  if (token === '(?P<') return '(?<'
  if (token === '.' && !inClass) return dotAll ? '.' : '[^\\n]'
  if (token === '[' && inClass) return '\\['
  // Braces that repeat nothing are themselves.
  if ((token === '{' || token === '}') && !inClass) return `\\${token}`
  if (!token.startsWith('\\')) return token
  const letter = token.slice(1)
  const [, sign = '', not = '', property = ''] = /^([pP])\{?(\^?)([^}]+)\}?$/.exec(letter) ?? []
  if (property !== '') {
    const negated = (sign === 'P') !== (not === '^')
    // Go names scripts as it does categories, which have one or two letters.
    return `\\${negated ? 'P' : 'p'}{${property.length > 2 ? `Script=${property}` : property}}`
  }
  if (letter === 's') return inClass ? spaces : `[${spaces}]`
  if (letter === 'S' && !inClass) return `[^${spaces}]`
  if (letter === 'A') return '(?<![\\s\\S])'
  if (letter === 'z') return '(?![\\s\\S])'
  if (letter === 'a') return '\\x07'
  // Go lets any punctuation be escaped, JavaScript only what has a meaning.
  if (/^[!-/:-@[-`{-~]$/.test(letter) && !/[\\^$.*+?()[\]{}|/]/.test(letter))
    return inClass && letter === '-' ? '\\-' : letter
  return token
}
