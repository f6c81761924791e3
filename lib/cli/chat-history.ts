import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cacheRoot } from '../cache/root.js'
import { note } from './report.js'

/** Lines that arrow keys can reach. */
export const historySize = 1000

/** What was typed into chats, kept between sessions in the cache folder; only its user may read it. */
export class ChatHistory {
  /** Newest first, as readline wants it. */
  readonly lines: string[]
  readonly #path: string
  #failed = false

  private constructor(path: string, lines: string[]) {
    this.#path = path
    this.lines = lines
  }

  /** Reads the file; a history that cannot be read is a new one. */
  static async open(path = join(cacheRoot(), 'chat-history')): Promise<ChatHistory> {
    const text = await readFile(path, 'utf8').catch(() => '')
    const all = text.split('\n').filter((line) => line !== '')
    const history = new ChatHistory(path, all.slice(-historySize).reverse())
    if (all.length > 2 * historySize)
      await history.#try(() => writeFile(path, `${all.slice(-historySize).join('\n')}\n`, { mode: 0o600 }))
    return history
  }

  /** Adds a line at once, so that it outlives a crash. */
  async add(line: string): Promise<void> {
    if (line === '' || line === this.lines[0]) return
    this.lines.unshift(line)
    await this.#try(async () => {
      await mkdir(dirname(this.#path), { recursive: true })
      await appendFile(this.#path, `${line}\n`, { mode: 0o600 })
    })
  }

  /** A chat goes on without its history, but says so. */
  async #try(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      if (!this.#failed) note(`warning: the history cannot be kept: ${(error as Error).message}`)
      this.#failed = true
    }
  }
}
