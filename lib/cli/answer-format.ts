import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { checkResponseFormat, type ResponseFormat } from '../options/response-format.js'

/** The flags that say what an answer must be, shown by --help-all. They exclude each other, and tools. */
export const formatFlags = (): Option[] => {
  const rows: [flag: string, help: string][] = [
    ['--json-schema <schema>', 'JSON that obeys this JSON Schema, or a file with it'],
    ['--choice <a,b,…>', 'one of these texts'],
    ['--regex <pattern>', 'a text that this matches as a whole'],
  ]
  const flags = rows.map(([flag, help]) => new Option(flag, help).hideHelp())
  const names = flags.map((flag) => flag.attributeName())
  return flags.map((flag) => flag.conflicts([...names.filter((name) => name !== flag.attributeName()), 'tools']))
}

/** What the answer must be, of the flags. What is wrong with one is wrong usage. */
export function responseFormatOf(
  flags: Readonly<Record<string, unknown>>,
  command: Command,
): ResponseFormat | undefined {
  const { jsonSchema, choice, regex } = flags as Record<string, string | undefined>
  try {
    const format = formatOf(jsonSchema, choice, regex)
    if (format !== undefined) checkResponseFormat(format)
    return format
  } catch (error) {
    const name = jsonSchema !== undefined ? '--json-schema' : choice !== undefined ? '--choice' : '--regex'
    command.error(`error: ${name}: ${(error as Error).message}`)
  }
}

function formatOf(schema?: string, choice?: string, pattern?: string): ResponseFormat | undefined {
  if (schema !== undefined) return { type: 'json_schema', schema: jsonOrFile(schema) as Record<string, unknown> }
  if (choice !== undefined) return { type: 'choice', choices: choice.split(',') }
  return pattern === undefined ? undefined : { type: 'regex', pattern }
}

/**
 * JSON, or what a file of JSON holds. A text that begins an object or an array is JSON.
 * @throws Error in words
 */
export function jsonOrFile(text: string): unknown {
  const inline = /^\s*[[{]/.test(text)
  let json = text
  if (!inline) {
    try {
      json = readFileSync(text, 'utf8')
    } catch (error) {
      throw new Error(`expected JSON or a file (${(error as Error).message})`, { cause: error })
    }
  }
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new Error(`expected JSON${inline ? '' : ` in ${text}`} (${(error as Error).message})`, { cause: error })
  }
}
