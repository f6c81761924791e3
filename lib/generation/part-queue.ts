import { ReadableStream } from 'node:stream/web'
import type { StreamPart } from '../output/parts.js'

/** The parts of a stream on their way to whoever reads them, which can be done once. */
export class PartQueue {
  #parts: StreamPart[] = []
  #waiting: (() => void)[] = []
  #ended = false
  #error: { reason: unknown } | undefined
  #iterated = false

  push(part: StreamPart): void {
    this.#parts.push(part)
    this.#wake()
  }

  /** @param error what the reader gets after the parts that are there */
  end(error?: { reason: unknown }): void {
    this.#ended = true
    this.#error = error
    this.#wake()
  }

  /**
   * @param leave called when the reader wants no more
   * @throws TypeError the second time
   */
  iterate(leave: () => void): AsyncIterator<StreamPart, undefined> {
    if (this.#iterated) throw new TypeError('a generation stream can be iterated once; `result` has the whole answer')
    this.#iterated = true
    let over = false
    return {
      next: async () => {
        for (;;) {
          if (over) return { done: true, value: undefined }
          const part = this.#parts.shift()
          if (part) return { done: false, value: part }
          if (this.#error) {
            over = true
            throw this.#error.reason
          }
          if (this.#ended) return { done: true, value: undefined }
          await new Promise<void>((resolve) => {
            this.#waiting.push(resolve)
          })
        }
      },
      return: async () => {
        over = true
        leave()
        this.#wake()
        return { done: true, value: undefined }
      },
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** Parts as a web stream, which asks for one when its reader does. */
export function readableOf(parts: AsyncIterator<StreamPart, undefined>): ReadableStream<StreamPart> {
  return new ReadableStream<StreamPart>(
    {
      async pull(controller) {
        const { done, value } = await parts.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await parts.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}
