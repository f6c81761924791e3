import type { Writable } from 'node:stream'
import type { GenerationResult } from '../generation/result.js'
import type { StreamPart } from '../output/parts.js'

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const control = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g

/** Shows control characters instead of obeying them: a model, or its files, could otherwise rewrite the screen of a terminal. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(control, (char) => {
    const code = char.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : '\ufffd'
  })
}

/** Writes an answer as it comes: to a terminal what is printable, to anything else every character. */
export class AnswerWriter {
  readonly #output: Writable & { isTTY?: boolean }
  #open = false

  constructor(output: Writable & { isTTY?: boolean }) {
    this.#output = output
  }

  /** Resolves when the reader can take more. */
  async write(text: string): Promise<void> {
    if (text === '') return
    this.#open = !text.endsWith('\n')
    await put(this.#output, this.#output.isTTY ? printable(text) : text)
  }

  /** A call of a tool is a line of JSON. */
  async writePart(part: StreamPart): Promise<void> {
    if (part.type !== 'tool-call') return await this.write(part.text)
    const { name, arguments: given } = part
    await this.write(`${this.#open ? '\n' : ''}${JSON.stringify({ name, arguments: given })}\n`)
  }

  /** Ends the last line unless the answer did. */
  async end(): Promise<void> {
    if (this.#open) await put(this.#output, '\n')
    this.#open = false
  }
}

/** Writes, and resolves when that is done or has failed; failures are the business of the stream's `error` event. */
export function put(output: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    output.write(text, () => resolve())
  })
}

/** One line on how fast an answer came. */
export function statsLine({ usage, timings, finishReason }: GenerationResult): string {
  const cached = usage.cachedTokens > 0 ? ` (${usage.cachedTokens} cached)` : ''
  return [
    `prompt ${usage.promptTokens} tokens${cached}`,
    `TTFT ${timings.timeToFirstToken.toFixed(0)} ms`,
    `answer ${usage.completionTokens} tokens`,
    `${timings.tokensPerSecond.toFixed(1)} tokens/s`,
    `finish: ${finishReason}`,
  ].join(', ')
}
