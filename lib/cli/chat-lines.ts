import { createInterface, type Interface } from 'node:readline'
import { type ChatHistory, historySize } from './chat-history.js'

/** Whether a person sits there. Prompts go to standard error: standard output carries only the answers. */
export const isInteractive = (): boolean => Boolean(process.stdin.isTTY && process.stderr.isTTY)

/** The user's lines, one at a time: from a line editor with history, or from a pipe. */
export class ChatLines {
  readonly #readline: Interface
  readonly #interactive: boolean
  #lines: string[] = []
  #closed = false
  #askedToLeave = false
  #wake: (() => void) | undefined

  /** @param history set when a person types. */
  constructor(history: ChatHistory | undefined) {
    this.#interactive = history !== undefined
    this.#readline = createInterface({
      input: process.stdin,
      crlfDelay: Number.POSITIVE_INFINITY,
      terminal: this.#interactive,
      ...(history
        ? { output: process.stderr, history: [...history.lines], historySize, removeHistoryDuplicates: true }
        : {}),
    })
    this.#readline.on('line', (line) => {
      this.#lines.push(line)
      this.#wake?.()
    })
    this.#readline.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
    this.#readline.on('SIGINT', () => this.#interrupt())
    this.#rest()
  }

  /**
   * The next line, or undefined when there are no more: the end of the input, Ctrl+D, or Ctrl+C twice at an empty prompt. Between calls
   * the terminal is as it was, so that Ctrl+C is a signal.
   */
  async next(prompt: string): Promise<string | undefined> {
    this.#askedToLeave = false
    if (this.#lines.length === 0 && !this.#closed) {
      this.#readline.setPrompt(prompt)
      if (this.#interactive) process.stdin.setRawMode(true)
      if (this.#interactive) this.#readline.prompt()
      else this.#readline.resume()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
      if (this.#closed && this.#interactive) process.stderr.write('\n')
      this.#rest()
    }
    return this.#lines.shift()
  }

  /** Ends a pending {@link next}. */
  close(): void {
    this.#readline.close()
  }

  #rest(): void {
    if (this.#closed) return
    this.#readline.pause()
    if (this.#interactive) process.stdin.setRawMode(false)
  }

  #interrupt(): void {
    if (this.#readline.line !== '') {
      // To the end of the line, then delete back to its start.
      this.#readline.write(null, { ctrl: true, name: 'e' })
      this.#readline.write(null, { ctrl: true, name: 'u' })
      this.#askedToLeave = false
    } else if (this.#askedToLeave) {
      this.#readline.close()
    } else {
      this.#askedToLeave = true
      process.stderr.write('\n(Ctrl+C again, Ctrl+D or /exit leaves)\n')
      this.#readline.prompt()
    }
  }
}
