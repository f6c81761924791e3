import { Worker } from 'node:worker_threads'
import type { BlobAnswer, BlobJob } from './blob-worker.js'

interface Waiting {
  resolve: (result: string | number | undefined) => void
  reject: (reason: unknown) => void
}

/**
 * A thread that hashes and writes what was downloaded, so that the event loop only fetches. One serves all files: it keeps up with more than
 * a connection brings.
 */
export class BlobThread {
  #worker: Worker | undefined
  /** Answers come in the order of the jobs. */
  readonly #waiting: Waiting[] = []
  #failure: Error | undefined

  /** Starts the thread ahead of the first job. */
  start(): void {
    this.#started()
  }

  /**
   * Jobs run one after the other, in the order of the calls.
   *
   * A file must stay open until its jobs are done: its number would then be another file's.
   * @returns the job's result
   * @throws what the file system says
   */
  async run(job: BlobJob): Promise<string | number | undefined> {
    if (this.#failure) throw this.#failure
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#started().postMessage(job.kind === 'write' ? { ...job, pieces: shared(job.pieces) } : job)
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#end()
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./blob-worker.js', import.meta.url), {
      // The process's loaders and hooks do not belong in this thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
      name: 'openvino-llm download',
    })
    worker.on('message', (answer: BlobAnswer) => {
      const waiting = this.#waiting.shift()
      if ('result' in answer) waiting?.resolve(answer.result)
      else waiting?.reject(Object.assign(new Error(answer.failure.message), answer.failure))
    })
    worker.on('error', (error) => this.#end(error))
    worker.on('exit', () => this.#end())
    this.#worker = worker
    return worker
  }

  #end(failure = new Error('the thread that writes downloads has ended')): void {
    this.#failure ??= failure
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }
}

/** The pieces in memory that both threads see. Neighbours become one; what is elsewhere, as behind a proxy, is copied. */
function shared(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (!(piece.buffer instanceof SharedArrayBuffer)) {
      const copy = new Uint8Array(new SharedArrayBuffer(piece.length))
      copy.set(piece)
      joined.push(copy)
    } else if (last?.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset)
      joined[joined.length - 1] = new Uint8Array(piece.buffer, last.byteOffset, last.length + piece.length)
    // A Buffer would arrive as a Uint8Array anyway.
    else joined.push(piece)
  }
  return joined
}
