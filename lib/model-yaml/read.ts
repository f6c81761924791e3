import { LLMError } from '../errors.js'
import { isObject } from '../model/json-object.js'
import { describe, didYouMean } from '../options/rules.js'
import { goExpression } from '../text/rewrite/go-expression.js'
import { readDocumentAside } from './document-thread.js'
import { type Draft, type Key, keys, nested } from './keys.js'
import { requireSafe } from './safety.js'
import type { ModelYaml } from './settings.js'

/** Where a model.yaml came from. */
export interface YamlSource {
  /** Path or URL, for errors. */
  file: string
  /** Whether it came over the network: it may then name nothing on this machine. */
  network: boolean
  /** Which of its models, where it holds several. */
  name?: string | undefined
}

/**
 * Reads LocalAI's description of a model. What a key means stands in the table of keys; a key that is not known, or not done, is named in a
 * warning.
 *
 * @throws LLMError `ERR_MODEL_INVALID` for what is no such file, for a value of the wrong kind, and for a file from the network that names
 * something on this machine; `ERR_UNSUPPORTED_MODEL` for what this version cannot do; `ERR_REFERENCE` as `readDocument`
 */
export async function readModelYaml(text: string, source: YamlSource): Promise<ModelYaml> {
  const { file, network } = source
  const draft = emptyDraft(file)
  const unknown: string[] = []
  const ignored: string[] = []
  for (const [key, value] of entriesOf(await readDocumentAside({ text, file, wanted: source.name }), file)) {
    const known = find(key)
    if (known === undefined) unknown.push(`${key}${suggestion(key)}`)
    else if (known.does === 'ignore') ignored.push(key)
    else if (known.does === 'refuse') refuse(file, key, value, known.why)
    else if (value !== null && value !== undefined) apply(draft, known, key, value)
  }
  if (ignored.length > 0) draft.warnings.push(`${file}: accepted, and without effect here: ${ignored.join(', ')}`)
  if (unknown.length > 0) draft.warnings.push(`${file}: unknown, and without effect: ${unknown.join(', ')}`)
  return finish(draft, network)
}

function emptyDraft(file: string): Draft {
  return {
    ...{ file, name: '', description: '', usage: '', alias: '', model: '' },
    ...{ load: {}, contextLimit: undefined, defaults: {}, stopWords: [], rewrite: undefined },
    ...{ retryAfterSeconds: undefined, downloads: [], warnings: [] },
    ...{ cut: [], extract: [], prefixes: [], suffixes: [], echo: false },
    ...{ cacheTypes: {}, goTemplates: [], tokenizerTemplate: undefined },
  }
}

/** Keys of nested mappings get the name of the mapping and a dot. */
function entriesOf(document: Record<string, unknown>, file: string): [key: string, value: unknown][] {
  return Object.entries(document).flatMap(([key, value]): [string, unknown][] => {
    if (!nested.includes(key) || value === null) return [[key, value]]
    if (!isObject(value)) throw invalid(file, key, 'a mapping', value)
    return Object.entries(value).map(([name, each]) => [`${key}.${name}`, each])
  })
}

/** Keys that are ignored or refused stand at the first level or among the parameters, depending on LocalAI's version. */
function find(key: string): Key | undefined {
  if (Object.hasOwn(keys, key)) return keys[key]
  const plain = key.replace(/^parameters\./, '')
  const found = Object.entries(keys).find(([name, { does }]) => {
    if (does === 'set') return false
    return name.endsWith('*') ? plain.startsWith(name.slice(0, -1)) : plain === name
  })
  return found?.[1]
}

function apply(draft: Draft, key: Key & { does: 'set' }, name: string, value: unknown): void {
  if (name === 'backend' || name === 'type') refuseOther(draft.file, name, value, key)
  if (!key.rule.accepts(value)) throw invalid(draft.file, name, key.rule.expected, value)
  key.set(draft, value as never)
}

/** What another backend, or another class of models, runs is sound, but not for us. */
function refuseOther(file: string, name: string, value: unknown, { rule }: Key & { does: 'set' }): void {
  if (typeof value !== 'string' || rule.accepts(value)) return
  throw new LLMError(
    'ERR_UNSUPPORTED_MODEL',
    `${file}: expected "${name}" to be ${rule.expected}, found ${quoted(value)}`,
  )
}

/** A key that is refused may still be there with a value that asks for nothing. */
function refuse(file: string, key: string, value: unknown, why: string): void {
  const asks =
    value !== null &&
    value !== '' &&
    value !== false &&
    value !== 0 &&
    !(isObject(value) && Object.keys(value).length === 0)
  if (asks && !(Array.isArray(value) && value.length === 0))
    throw new LLMError('ERR_UNSUPPORTED_MODEL', `${file}: "${key}" cannot be applied: ${why}`)
}

function finish(draft: Draft, network: boolean): ModelYaml {
  const { file, cacheTypes, cut, extract, prefixes, suffixes, echo, goTemplates, tokenizerTemplate, ...yaml } = draft
  if (yaml.name === '') throw invalid(file, 'name', 'a text that is not empty', undefined)
  if (yaml.model === '') throw invalid(file, 'parameters.model', 'what is to be loaded', undefined)
  if (goTemplates.length > 0 && tokenizerTemplate !== true)
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${file}: ${goTemplates.join(', ')}: Go templates, another template language than the tokenizer's; ` +
        "template.use_tokenizer_template: true takes the tokenizer's",
    )
  if (goTemplates.length > 0)
    yaml.warnings.push(`${file}: ${goTemplates.join(', ')} without effect: the tokenizer's template is used`)
  if (cacheTypes.k !== undefined && cacheTypes.k === cacheTypes.v)
    yaml.load.kvCachePrecision = cacheTypes.k as NonNullable<ModelYaml['load']['kvCachePrecision']>
  else {
    const { k, v } = cacheTypes
    const each = { ...(k && { KEY_CACHE_PRECISION: k }), ...(v && { VALUE_CACHE_PRECISION: v }) }
    if (k ?? v) yaml.load.ovConfig = { ...each, ...yaml.load.ovConfig }
  }
  for (const [key, expressions] of Object.entries({ cutstrings: cut, extract_regex: extract }))
    for (const expression of expressions) requireExpression(file, key, expression)
  const rewrites = echo || cut.length + extract.length + prefixes.length + suffixes.length > 0
  const read: ModelYaml = { ...yaml, file, rewrite: rewrites ? { echo, cut, extract, prefixes, suffixes } : undefined }
  requireSafe(read, network)
  return read
}

function requireExpression(file: string, key: string, expression: string): void {
  try {
    goExpression(expression)
  } catch (cause) {
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${file}: expected "${key}" to hold regular expressions, found ${quoted(expression)} (${(cause as Error).message})`,
      { cause },
    )
  }
}

function suggestion(key: string): string {
  const near = didYouMean(key, Object.keys(keys))
  return near.startsWith('; did you mean') ? near.replace('; ', ' (').replace('?', '?)') : ''
}

function invalid(file: string, key: string, expected: string, found: unknown): LLMError {
  const what = found === undefined ? 'nothing' : typeof found === 'string' ? quoted(found) : describe(found)
  return new LLMError('ERR_MODEL_INVALID', `${file}: expected "${key}" to be ${expected}, found ${what}`)
}

const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
