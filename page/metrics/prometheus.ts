/** One line of Prometheus' text format. */
export interface Sample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** The samples of a text; comments and what is no sample are left out. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((each) => {
    const [, name, labels = '', value = ''] = line.exec(each) ?? []
    const number = Number(value)
    if (name === undefined || Number.isNaN(number)) return []
    const pairs = [...labels.matchAll(label)].map(([, key = '', quoted = '']): [string, string] => [
      key,
      quoted.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
    ])
    return [{ name, labels: Object.fromEntries(pairs), value: number }]
  })
}
