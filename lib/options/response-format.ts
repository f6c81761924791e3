import * as check from './rules.js'
import type { Table } from './table.js'

/** JSON Schema as a plain object. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** A schema of a library that speaks Standard Schema and Standard JSON Schema, such as zod 4.2 or arktype 2.1.28 and later. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: number
    readonly vendor: string
    validate(value: unknown): StandardResult<Output> | Promise<StandardResult<Output>>
    readonly jsonSchema?: { input(options: { target: string }): Record<string, unknown> } | undefined
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** What the validation of a Standard Schema gives. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] }

/** What an answer must be. */
export type ResponseFormat =
  /** Any JSON object. */
  | { type: 'json'; whitespace?: 'compact' | 'any' | undefined }
  /** JSON that obeys a schema. */
  | { type: 'json_schema'; schema: JsonSchema | StandardSchema; whitespace?: 'compact' | 'any' | undefined }
  /** A text that a regular expression of Rust's crate regex matches as a whole. */
  | { type: 'regex'; pattern: string }
  /** One of these texts. */
  | { type: 'choice'; choices: readonly string[] }
  /** A text of a grammar in llguidance's variant of Lark, or in llama.cpp's GBNF. */
  | { type: 'lark' | 'gbnf'; grammar: string }

/** What `result.value` is with a format; a format without values has none. */
export type ValueOf<Format> = Format extends { schema: StandardSchema<infer Output> }
  ? { value: Output | undefined }
  : Format extends { type: 'json' | 'json_schema' }
    ? { value: unknown }
    : Format extends { choices: readonly (infer Choice)[] }
      ? { value: Choice | undefined }
      : unknown

/** The option that says what an answer must be. */
export interface ResponseFormatOptions {
  /**
   * What the answer must be: it cannot come out otherwise, unless `maxNewTokens` or the context cuts it. Reasoning comes before it and is
   * free. By default any text.
   */
  responseFormat?: ResponseFormat | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> => check.object.accepts(value)

/** Whether a schema is one of a library. */
export const isStandard = (schema: unknown): schema is StandardSchema =>
  (isObject(schema) || typeof schema === 'function') && '~standard' in (schema as object)

const fields: Readonly<Record<ResponseFormat['type'], Readonly<Record<string, check.Rule>>>> = {
  json: { whitespace: check.oneOf('compact', 'any') },
  json_schema: {
    schema: {
      expected: 'a JSON Schema or a Standard Schema',
      accepts: (value) => isObject(value) || isStandard(value),
    },
    whitespace: check.oneOf('compact', 'any'),
  },
  regex: { pattern: check.string },
  choice: {
    choices: {
      expected: 'an array of 1 to 1000 texts that differ',
      accepts: (value) =>
        check.listOf(check.string, 1000).accepts(value) &&
        (value as string[]).length > 0 &&
        new Set(value as string[]).size === (value as string[]).length,
    },
  },
  lark: { grammar: check.string },
  gbnf: { grammar: check.string },
}

/** The row of the option. */
export const responseFormatTable = {
  responseFormat: { expected: 'an object with a type', accepts: isObject },
} as const satisfies Table<ResponseFormatOptions>

/**
 * Checks a format.
 * @throws TypeError that names the field; for a Standard Schema without JSON Schema it names what converts it
 */
export function checkResponseFormat(format: ResponseFormat): void {
  const { type } = format
  const known = Object.hasOwn(fields, type) ? fields[type] : undefined
  if (known === undefined) {
    const types = Object.keys(fields).map((name) => `'${name}'`)
    throw new TypeError(`expected responseFormat.type to be ${types.join(' or ')}, received ${check.describe(type)}`)
  }
  for (const [name, value] of Object.entries(format)) {
    if (name === 'type') continue
    const rule = Object.hasOwn(known, name) ? known[name] : undefined
    if (rule === undefined) throw new TypeError(`unknown option ${name} in responseFormat of type '${type}'`)
    if (value !== undefined && !rule.accepts(value)) {
      throw new TypeError(`expected responseFormat.${name} to be ${rule.expected}, received ${check.describe(value)}`)
    }
  }
  const missing = Object.keys(known).find(
    (name) => name !== 'whitespace' && format[name as keyof typeof format] === undefined,
  )
  if (missing !== undefined) {
    throw new TypeError(`expected responseFormat.${missing} to be ${known[missing]?.expected}, received undefined`)
  }
  if (format.type === 'json_schema') jsonSchemaOf(format.schema)
}

/** What makes a library's schema a JSON Schema, where the library does not do so itself. */
const converters: Readonly<Record<string, string>> = {
  zod: 'zod 4.2 or later has it by itself',
  arktype: 'arktype 2.1.28 or later has it by itself',
  valibot: 'toStandardJsonSchema of @valibot/to-json-schema adds it',
}

/**
 * The JSON Schema of a format, of what goes into the schema of a library.
 * @throws TypeError when the library gives none, or throws
 */
export function jsonSchemaOf(schema: JsonSchema | StandardSchema): JsonSchema {
  if (!isStandard(schema)) return schema
  const { jsonSchema, vendor } = schema['~standard']
  if (jsonSchema === undefined) {
    const advice = converters[vendor] ?? 'convert it to JSON Schema'
    throw new TypeError(`responseFormat.schema of ${vendor} has no Standard JSON Schema: ${advice}`)
  }
  try {
    return jsonSchema.input({ target: 'draft-2020-12' })
  } catch (cause) {
    throw new TypeError(`responseFormat.schema: ${vendor} cannot say it as JSON Schema: ${(cause as Error).message}`, {
      cause,
    })
  }
}
