import { annotations, dataKeywords, schemasByName } from './keywords.js'

/** Keywords whose values are no schemas. */
const noSchemas = new Set([...dataKeywords, ...annotations, 'required'])

/** The path of the first schema in which one of these keywords stands, with the keyword: `#/properties/a/not`. Undefined when there is none. */
export function pathOfKeyword(schema: unknown, keywords: readonly string[]): string | undefined {
  const waiting: [path: string, node: unknown, isSchema: boolean][] = [['#', schema, true]]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [path, node, isSchema] = next
    if (typeof node !== 'object' || node === null) continue
    const entries = Object.entries(node)
    const found = isSchema && !Array.isArray(node) ? entries.find(([key]) => keywords.includes(key)) : undefined
    if (found !== undefined) return `${path}/${found[0]}`
    for (const [key, value] of entries) {
      if (isSchema && noSchemas.has(key)) continue
      waiting.push([`${path}/${key}`, value, !(isSchema && schemasByName.has(key))])
    }
  }
  return undefined
}
