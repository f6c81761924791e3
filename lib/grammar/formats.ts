// Values of `format` that llguidance does not know, or takes for more than they are.

const leapYear = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)'
const dayOfMonth =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))'
const date = `(?:[0-9]{4}-${dayOfMonth}|${leapYear}-02-29)`
const second = '[0-5][0-9](?:\\.[0-9]+)?'
const hour = '(?:[01][0-9]|2[0-3])'
// Of leap seconds only those that are written in UTC: which others there are depends on the offset.
const time = `(?:${hour}:[0-5][0-9]:${second}(?:[zZ]|[+-]${hour}:[0-5][0-9])|23:59:60(?:\\.[0-9]+)?[zZ])`
const atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'

/** Formats of texts, as regular expressions of the whole text: of RFC 3339, and mail addresses with a domain that has a dot. */
const ofTexts: Readonly<Record<string, string>> = {
  date: `^${date}$`,
  time: `^${time}$`,
  'date-time': `^${date}[tT]${time}$`,
  email: `^${atom}(?:\\.${atom})*@(?:${label}\\.)+${label}$`,
}

/** Formats of integers, as OpenAPI has them: the least and the greatest. Of 64 bits, as near as a number comes. */
const ofNumbers: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [1024 - 2 ** 63, 2 ** 63 - 1024],
}

/** A schema whose `format`, where it is one of these, is said with other keywords. */
export function withoutFormat(node: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { format, ...rest } = node
  if (typeof format !== 'string') return node
  const pattern = Object.hasOwn(ofTexts, format) ? ofTexts[format] : undefined
  const range = Object.hasOwn(ofNumbers, format) ? ofNumbers[format] : undefined
  const more = pattern !== undefined ? { pattern } : range && { minimum: range[0], maximum: range[1], multipleOf: 1 }
  if (more === undefined) return node
  if (!Object.keys(more).some((key) => Object.hasOwn(rest, key))) return { ...rest, ...more }
  return { ...rest, allOf: [...(Array.isArray(rest['allOf']) ? rest['allOf'] : []), more] }
}
