import { type FileHandle, open } from 'node:fs/promises'
import { LLMError } from '../errors.js'
import type { ModelIdentity } from './model-identity.js'
import { Row } from './row.js'
import { asTaskFileError, linesOf, parseLine } from './task-file.js'

/** What the results of a file are of: its first line. */
export interface ResultsHeader {
  /** Of the way in which prompts are made and answers are graded. */
  version: number
  task: string
  taskFile: { name: string; sha256: string }
  shotsFile: { name: string; sha256: string } | null
  shots: number
  description: string | null
  model: ModelIdentity
  precision: { inference: string; kvCache: string }
}

/** A line of results. It tells which question of the task file it is of, from 0. */
export interface ResultLine {
  index: number
}

/** Results that are appended as they come, so that a run that was cut can go on. */
export class ResultsFile<Line extends ResultLine> {
  readonly #path: string
  readonly #file: FileHandle
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  /**
   * Opens a file of results or makes it. A last line that was cut is removed.
   * @param read checks a line
   * @returns also the results that are there
   * @throws LLMError `ERR_TASK_FILE` when the file is something else, or holds results of another run
   */
  static async open<Line extends ResultLine>(
    path: string,
    header: ResultsHeader,
    read: (row: Row) => Line,
  ): Promise<{ file: ResultsFile<Line>; found: Map<number, Line> }> {
    let file: FileHandle | undefined
    try {
      file = await open(path, 'a+')
      const found = new Map<number, Line>()
      const [first, ...lines] = await wholeLines(path, file, header)
      if (first === undefined) await file.appendFile(`${JSON.stringify(header)}\n`)
      else checkHeader(path, parseLine(`${path}:1`, first), header)
      for (const [i, line] of lines.entries()) {
        const row = new Row(`${path}:${i + 2}`, parseLine(`${path}:${i + 2}`, line))
        const result = read(row)
        if (found.has(result.index)) throw row.invalid('index', 'a question that has no other line')
        found.set(result.index, result)
      }
      return { file: new ResultsFile(path, file), found }
    } catch (error) {
      await file?.close()
      throw asTaskFileError(path, error)
    }
  }

  /** Adds a result. Lines are written one after the other, whole. */
  async add(line: Line): Promise<void> {
    this.#writing = this.#writing.then(() => this.#file.appendFile(`${JSON.stringify(line)}\n`))
    try {
      await this.#writing
    } catch (error) {
      throw asTaskFileError(this.#path, error)
    }
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    // Whoever added the line has been told.
    await this.#writing.catch(() => {})
    await this.#file.close()
  }
}

/** The lines of a file that were written to their end. What follows them was cut, and is taken away. */
async function wholeLines(path: string, file: FileHandle, header: ResultsHeader): Promise<string[]> {
  if (!(await file.stat()).isFile()) throw new LLMError('ERR_TASK_FILE', `${path}: expected a regular file`)
  const bytes = await file.readFile()
  const end = bytes.lastIndexOf(10) + 1
  // A file without any whole line is ours only when it is the beginning of our first.
  if (end === 0 && !Buffer.from(JSON.stringify(header)).subarray(0, bytes.length).equals(bytes)) throw foreign(path)
  const lines = linesOf(path, bytes.subarray(0, end))
  if (end < bytes.length) await file.truncate(end)
  return lines.slice(0, -1)
}

const foreign = (path: string) =>
  new LLMError(
    'ERR_TASK_FILE',
    `${path}: expected a file with results of an evaluation, or none; it holds something else`,
  )

/** @throws LLMError that names what differs */
function checkHeader(path: string, found: Record<string, unknown>, header: ResultsHeader): void {
  if (found['version'] === undefined || found['taskFile'] === undefined) throw foreign(path)
  for (const [name, value] of Object.entries(header)) {
    if (identity(found[name]) === identity(value)) continue
    throw new LLMError(
      'ERR_TASK_FILE',
      `${path}: expected results with ${name} ${shown(value)}, found ${shown(found[name])}; name another output file`,
    )
  }
}

/** Of what is named and hashed, only the hash counts: files may move. */
function identity(value: unknown): string {
  const hashed = typeof value === 'object' && value !== null && 'sha256' in value
  return JSON.stringify(hashed ? value.sha256 : value) ?? ''
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('sha256' in value) || !('name' in value)) {
    return JSON.stringify(value) ?? 'nothing'
  }
  return `${value.name} (SHA-256 ${String(value.sha256).slice(0, 12)}…)`
}
