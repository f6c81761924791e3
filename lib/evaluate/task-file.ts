import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { LLMError } from '../errors.js'
import { isSystemError } from '../file-error.js'
import { isObject } from '../model/json-object.js'
import { Row } from './row.js'

/** Bytes that a task file may have: it is read at once. */
const maxBytes = 512 * 1024 * 1024

/** What a task file holds. */
export interface TaskFile<Example> {
  path: string
  sha256: string
  examples: Example[]
  /** `file:line` of each. */
  places: string[]
}

/**
 * Reads a file of JSON lines; empty lines are passed over.
 * @throws LLMError `ERR_TASK_FILE` that names file, line and field
 */
export async function readTaskFile<Example>(path: string, read: (row: Row) => Example): Promise<TaskFile<Example>> {
  const bytes = await readBytes(path)
  const examples: Example[] = []
  const places: string[] = []
  for (const [i, line] of linesOf(path, bytes).entries()) {
    if (line.trim() === '') continue
    const place = `${path}:${i + 1}`
    places.push(place)
    examples.push(read(new Row(place, parseLine(place, line))))
  }
  if (examples.length === 0) throw new LLMError('ERR_TASK_FILE', `${path}: expected at least one question, found none`)
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), examples, places }
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    const stats = await stat(path)
    // A pipe or a device would block the reader for ever.
    if (!stats.isFile()) throw new LLMError('ERR_TASK_FILE', `${path}: expected a regular file`)
    if (stats.size > maxBytes) {
      throw new LLMError('ERR_TASK_FILE', `${path}: expected at most ${maxBytes} bytes, found ${stats.size}`)
    }
    return await readFile(path)
  } catch (error) {
    throw asTaskFileError(path, error)
  }
}

/** A failure of the file system as an error with a code; anything else as it is. */
export function asTaskFileError(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  return new LLMError('ERR_TASK_FILE', `${path}: cannot be opened, read or written (${error.code})`, { cause: error })
}

/** The lines of a text; a byte order mark is no part of the first. */
export function linesOf(path: string, bytes: Uint8Array): string[] {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).split('\n')
  } catch (cause) {
    throw new LLMError('ERR_TASK_FILE', `${path}: expected UTF-8 text`, { cause })
  }
}

/** @param where `file:line` */
export function parseLine(where: string, line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new LLMError('ERR_TASK_FILE', `${where}: expected JSON (${(cause as Error).message})`, { cause })
  }
  if (!isObject(value)) throw new LLMError('ERR_TASK_FILE', `${where}: expected a JSON object`)
  return value
}
