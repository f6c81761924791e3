import { grammarSchema } from '../../grammar/json-schema.js'
import { escaped, larkText } from '../../grammar/lark.js'
import { type CallGrammar, opening, requireObject, type WantedCalls } from './call-grammar.js'
import type { KnownTool } from './call-reader.js'
import { flatArguments, refusal } from './flat-arguments.js'

/** What is written between the marks of a call, and its strings between. */
interface Marks {
  begin: string
  end: string
  quote: string
}

const gemma4: Marks = { begin: '<|tool_call>', end: '<tool_call|>', quote: '<|"|>' }
const functionGemma: Marks = { begin: '<start_function_call>', end: '<end_function_call>', quote: '<escape>' }

type Schema = Readonly<Record<string, unknown>>

/** Gemma's: keys without quotes, in the order in which its template sorts them, and texts between marks, at any depth. */
export const gemmaCalls: CallGrammar = (wanted) => {
  const { tools, parallel, inText, mark, isSpecial } = wanted
  const marks = isSpecial(functionGemma.begin) && !isSpecial(gemma4.begin) ? functionGemma : gemma4
  const [first, rules] = opening(wanted, [marks.begin])
  const writer = new GemmaRules(wanted, marks.quote)
  const calls = tools.map((tool) => `${larkText(`call:${tool.name}`)} ${writer.argumentsOf(tool)}`)
  return {
    rules: [
      `answer: marked${parallel && !inText ? '+' : ''}`,
      `marked: ${first} (${calls.join(' | ')}) ${mark(marks.end)}`,
      ...rules,
      ...writer.rules,
    ],
    triggers: [[marks.begin]],
  }
}

/** Names that need no quotes. */
const bareKey = /^[^\s:,{}[\]<"]+$/

/** What each type's schema may say. Anything else is refused. */
const about: Readonly<Record<string, readonly string[]>> = {
  string: ['enum', 'const', 'minLength', 'maxLength'],
  array: ['items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties', '$defs', 'definitions'],
}
const annotations = ['type', 'title', 'description', 'default', 'examples', '$comment', '$schema', '$id', 'nullable']

/** Rules of Lark for values, made as they are needed. */
class GemmaRules {
  readonly rules: string[] = []
  readonly #quote: string
  readonly #isSpecial: boolean
  /** Names of the rules of what `$ref` leads to, by tool and path. */
  readonly #named = new Map<string, string>()
  #any: string | undefined
  #text: string | undefined
  #tool: KnownTool = { name: '' }

  constructor({ mark, isSpecial }: WantedCalls, quote: string) {
    this.#quote = mark(quote)
    this.#isSpecial = isSpecial(quote)
    this.#letters = escaped(quote)
  }

  readonly #letters: string

  /** The name of the rule of a tool's arguments. */
  argumentsOf(tool: KnownTool): string {
    this.#tool = tool
    requireObject(tool)
    if (tool.strict === false) return this.#anyObject()
    flatArguments(tool, bareKey)
    return this.#value({ type: 'object', properties: {}, ...(tool.parameters as Schema) }, '')
  }

  #rule(body: string): string {
    const name = `value_${this.rules.length}`
    this.rules.push(`${name}: ${body}`)
    return name
  }

  /** @param path of the schema below `parameters` */
  #value(schema: unknown, path: string): string {
    if (schema === true) return this.#anyValue()
    if (typeof schema !== 'object' || schema === null) throw refusal(this.#tool, path, 'nothing can be written there')
    const { $ref, anyOf, type, ...rest } = schema as Schema
    if (typeof $ref === 'string') return this.#reference($ref, path)
    if (Array.isArray(anyOf)) {
      return this.#rule(anyOf.map((one, i) => this.#value({ ...rest, ...one }, `${path}.anyOf.${i}`)).join(' | '))
    }
    if (Array.isArray(type)) return this.#rule(type.map((one) => this.#typed({ ...rest, type: one }, path)).join(' | '))
    return this.#typed(schema as Schema, path)
  }

  #typed(schema: Schema, path: string): string {
    const { type, enum: choices, const: only } = schema
    const kind = typeof type === 'string' ? type : undefined
    if (only !== undefined || Array.isArray(choices)) {
      const list: unknown[] = only === undefined ? (choices as unknown[]) : [only]
      return this.#rule(list.map((one) => this.#literal(one, path)).join(' | '))
    }
    if (kind === undefined) {
      this.#check(schema, [], path)
      return this.#anyValue()
    }
    const known = about[kind]
    // What holds no text is written as JSON.
    if (known === undefined) {
      return this.#rule(`%json ${JSON.stringify(grammarSchema(schema, { whitespace_flexible: false }))}`)
    }
    this.#check(schema, known, path)
    if (kind === 'string') return this.#string(schema)
    return kind === 'array' ? this.#array(schema, path) : this.#object(schema, path)
  }

  #check(schema: Schema, known: readonly string[], path: string): void {
    const other = Object.keys(schema).find((key) => !known.includes(key) && !annotations.includes(key))
    if (other !== undefined) throw refusal(this.#tool, `${path}.${other}`, 'values are written without JSON')
  }

  #string({ minLength = 0, maxLength = '' }: Schema): string {
    if (minLength === 0 && maxLength === '') {
      this.#text ??= this.#quoted('0', '')
      return this.#text
    }
    return this.#quoted(String(minLength), String(maxLength))
  }

  #quoted(least: string, most: string): string {
    const text = `(?s:.{${least},${most}})`
    if (this.#isSpecial) return this.#rule(`${this.#quote} /${text}/ ${this.#quote}`)
    const place = this.rules.length
    const letters = this.#letters
    this.rules.push(`TEXT_${place}: /${text}${letters}/ & ~/(?s:.*)${letters}(?s:.+)/`)
    return this.#rule(`${this.#quote} TEXT_${place}`)
  }

  #array({ items = true, minItems = 0, maxItems }: Schema, path: string): string {
    const item = this.#value(items, `${path}.items`)
    const [least, most] = [Number(minItems), maxItems === undefined ? undefined : Number(maxItems)]
    if (most === 0) return this.#rule('"[]"')
    const more = `{${Math.max(0, least - 1)},${most === undefined ? '' : most - 1}}`
    const list = `${item} ("," ${item})${more}`
    return this.#rule(`"[" ${least === 0 ? `(${list})?` : list} "]"`)
  }

  #object({ properties, required = [], additionalProperties }: Schema, path: string): string {
    const known = Object.entries((properties ?? {}) as Record<string, unknown>)
    if (known.length === 0 && properties === undefined && additionalProperties !== false) return this.#anyObject()
    const needed = (required as unknown[]).find((name) => !known.some(([key]) => key === name))
    if (needed !== undefined)
      throw refusal(this.#tool, `${path}.required ${JSON.stringify(needed)}`, 'it is none of the properties')
    const wrong = known.find(([key]) => !bareKey.test(key))
    if (wrong)
      throw refusal(this.#tool, `${path}.properties ${JSON.stringify(wrong[0])}`, 'a name that cannot be written')
    const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
    const sorted = known
      .filter(([key, schema]) => schema !== false || (required as unknown[]).includes(key))
      .sort(([a], [b]) => order(a.toLowerCase(), b.toLowerCase()))
    const fields = sorted.map(([key, schema]) => ({
      field: this.#rule(`${larkText(`${key}:`)} ${this.#value(schema, `${path}.properties.${key}`)}`),
      needed: (required as unknown[]).includes(key),
    }))
    // The first one that is written has no comma before it.
    let [rest, begin] = ['', '""']
    for (const { field, needed } of fields.toReversed()) {
      begin = this.#rule(`${field} ${rest}${needed ? '' : ` | ${begin}`}`)
      rest = this.#rule(`${needed ? `"," ${field}` : `("," ${field})?`} ${rest}`)
    }
    return this.#rule(`"{" ${begin} "}"`)
  }

  #reference($ref: string, path: string): string {
    const [, where, key = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec($ref) ?? []
    const definitions = where && (this.#tool.parameters as Record<string, Record<string, unknown>>)[where]
    if (!definitions || !Object.hasOwn(definitions, key))
      throw refusal(this.#tool, `${path}.$ref`, `${$ref} leads nowhere`)
    const id = JSON.stringify([this.#tool.name, $ref])
    const known = this.#named.get(id)
    if (known !== undefined) return known
    const name = `named_${this.#named.size}`
    this.#named.set(id, name)
    this.rules.push(`${name}: ${this.#value(definitions[key], `.${where}.${key}`)}`)
    return name
  }

  #literal(value: unknown, path: string): string {
    if (typeof value === 'string') return `${this.#quote} ${larkText(value)} ${this.#quote}`
    if (typeof value === 'object' && value !== null) {
      throw refusal(this.#tool, `${path}.enum`, 'it holds more than texts, numbers and words')
    }
    return larkText(JSON.stringify(value))
  }

  /** Any value; its rules are made once. */
  #anyValue(): string {
    if (this.#any !== undefined) return this.#any
    this.#any = 'any'
    const text = this.#string({})
    const scalar = this.#rule('%json {"type":["number","boolean","null"],"x-guidance":{"whitespace_flexible":false}}')
    this.rules.push(
      `any: ${text} | ${scalar} | any_list | any_object`,
      'any_list: "[" (any ("," any)*)? "]"',
      'any_object: "{" (any_field ("," any_field)*)? "}"',
      'any_field: /[^\\s:,{}\\[\\]<"]+/ ":" any',
    )
    return this.#any
  }

  #anyObject(): string {
    this.#anyValue()
    return 'any_object'
  }
}
