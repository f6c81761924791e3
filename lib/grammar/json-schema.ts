import { LLMError } from '../errors.js'
import { withoutFormat } from './formats.js'
import { annotations, dataKeywords, schemasByName } from './keywords.js'
import { rustPattern } from './pattern.js'

/** How JSON is written: options of llguidance. */
export interface JsonForm {
  whitespace_flexible?: boolean
  item_separator?: string
  key_separator?: string
}

const deepest = 500

/** No `\u`: with it a key could be written in a second way, past what the schema says of that key. */
const escapes = 'nrbtf\\"'

/**
 * A JSON Schema as llguidance is to get it: with the regular expressions that it takes, and without what it would get wrong.
 * @throws LLMError `ERR_GRAMMAR`
 */
export function grammarSchema(schema: Readonly<Record<string, unknown>>, form: JsonForm): Record<string, unknown> {
  const { 'x-guidance': own, ...rest } = schema as { 'x-guidance'?: object }
  const walked = walk(rest, '#', 0) as Record<string, unknown>
  return { ...walked, 'x-guidance': { ...form, json_allowed_escapes: escapes, ...own } }
}

function walk(node: unknown, path: string, depth: number): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (depth > deepest) {
    throw new LLMError('ERR_GRAMMAR', `the schema is nested deeper than ${deepest} levels at ${path.slice(0, 80)}…`)
  }
  const inner = (value: unknown, key: string) => walk(value, `${path}/${key}`, depth + 1)
  if (Array.isArray(node)) return node.map((value, i) => inner(value, String(i)))
  checkKeys(node, path)
  const entries = Object.entries(withoutFormat(node as Record<string, unknown>)).map(([key, value]) => {
    if (annotations.has(key)) return [key, value]
    if (dataKeywords.has(key)) return [key, writable(value, `${path}/${key}`)]
    if (key === 'pattern' && typeof value === 'string') return [key, rustPattern(value)]
    if (!isObject(value) || !schemasByName.has(key)) return [key, inner(value, key)]
    const values = Object.entries(value).map(([name, one]): [string, unknown] => [name, inner(one, `${key}/${name}`)])
    return [key, key === 'patternProperties' ? patterns(values) : Object.fromEntries(values)]
  })
  return Object.fromEntries(entries)
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Refuses data that would need an escape which is not allowed. */
function writable(value: unknown, path: string): unknown {
  const escaped = /(?<!\\)(?:\\\\)*(\\u\w{4})/.exec(JSON.stringify(value) ?? '')?.[1]
  if (escaped === undefined) return value
  throw new LLMError('ERR_GRAMMAR', `${path} holds the character ${escaped}, which answers cannot hold`)
}

/** Two patterns may be the same one in Rust's syntax. */
function patterns(values: readonly [string, unknown][]): Record<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [pattern, schema] of values) {
    const rust = rustPattern(pattern)
    found.set(rust, found.has(rust) ? { allOf: [found.get(rust), schema] } : schema)
  }
  return Object.fromEntries(found)
}

/** llguidance counts a key that is written twice as two, of keys that the schema does not name. */
function checkKeys(node: object, path: string): void {
  const { minProperties, required, additionalProperties, patternProperties } = node as Record<string, unknown>
  if (typeof minProperties !== 'number') return
  const free = minProperties - (Array.isArray(required) ? required.length : 0)
  const bound = additionalProperties === false && patternProperties === undefined
  if (free < 2 || bound) return
  throw new LLMError(
    'ERR_GRAMMAR',
    `minProperties at ${path} asks for ${free} keys beside those of required, expected at most 1: such keys could be written twice`,
  )
}
