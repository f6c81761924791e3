const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/**
 * Formats a local time as C's `strftime` does in the C locale. Knows the directives that Python documents, and `%-d` (no
 * padding), `%_d`, `%e`, `%D`, `%F`, `%R` and `%T`; leaves others as they are.
 */
export function strftime(date: Date, format: string): string {
  const hour12 = date.getHours() % 12 || 12
  const startOfYear = new Date(date.getFullYear(), 0, 1)
  // Rounded: a change of daylight saving time lies in between.
  const dayOfYear = Math.round(
    (new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime() - startOfYear.getTime()) / 86_400_000,
  )
  const numbers: Record<string, [number, number, string?]> = {
    Y: [date.getFullYear(), 4],
    y: [date.getFullYear() % 100, 2],
    m: [date.getMonth() + 1, 2],
    d: [date.getDate(), 2],
    e: [date.getDate(), 2, ' '],
    H: [date.getHours(), 2],
    I: [hour12, 2],
    M: [date.getMinutes(), 2],
    S: [date.getSeconds(), 2],
    f: [date.getMilliseconds() * 1000, 6],
    j: [dayOfYear + 1, 3],
    w: [date.getDay(), 1],
    u: [date.getDay() || 7, 1],
    U: [Math.floor((dayOfYear + 7 - date.getDay()) / 7), 2],
    W: [Math.floor((dayOfYear + 7 - ((date.getDay() + 6) % 7)) / 7), 2],
  }
  const texts: Record<string, string> = {
    a: days[date.getDay()]!.slice(0, 3),
    A: days[date.getDay()]!,
    b: months[date.getMonth()]!.slice(0, 3),
    B: months[date.getMonth()]!,
    p: date.getHours() < 12 ? 'AM' : 'PM',
    // A naive time has no zone in Python.
    z: '',
    Z: '',
    '%': '%',
  }
  const composed: Record<string, string> = {
    c: '%a %b %e %H:%M:%S %Y',
    x: '%m/%d/%y',
    X: '%H:%M:%S',
    D: '%m/%d/%y',
    F: '%Y-%m-%d',
    R: '%H:%M',
    T: '%H:%M:%S',
  }
  return format.replace(/%([-_]?)([a-zA-Z%])/g, (whole, flag: string, directive: string) => {
    const number = numbers[directive]
    if (number !== undefined) {
      const [value, width, pad] = number
      return flag === '-' ? String(value) : String(value).padStart(width, flag === '_' ? ' ' : (pad ?? '0'))
    }
    const inner = composed[directive]
    return inner === undefined ? (texts[directive] ?? whole) : strftime(date, inner)
  })
}
