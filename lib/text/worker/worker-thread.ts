import { Worker } from 'node:worker_threads'
import { LLMError } from '../../errors.js'
import type { EncodedPrompt } from '../prompt/encoded-prompt.js'
import type { Failure, Job, Ready, WorkerMessage, WorkerStart } from './worker.js'

/** One worker thread, from its start to its end. */
export class Thread {
  /** Settles once; never unhandled. */
  readonly ready: Promise<Ready>
  ended = false
  readonly #worker: Worker
  readonly #deadlineMs: number
  readonly #memoryMb: number
  #answer: { resolve: (message: WorkerMessage) => void; reject: (reason: unknown) => void } | undefined
  #what: string
  #timer: NodeJS.Timeout | undefined

  constructor(start: WorkerStart, limits: { deadlineMs: number; memoryMb: number }) {
    this.#deadlineMs = limits.deadlineMs
    this.#memoryMb = limits.memoryMb
    this.#what = `${start.source.tokenizerPath}: loading the tokenizer`
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: start,
      // Loaders and hooks of the process have no business in this thread.
      execArgv: [],
      // A small young generation: the thread's heap would otherwise creep up by tens of megabytes over thousands of jobs.
      resourceLimits: { maxOldGenerationSizeMb: limits.memoryMb, maxYoungGenerationSizeMb: 4 },
      name: 'openvino-llm text',
    })
    this.#worker.on('message', (message: WorkerMessage) => this.#answer?.resolve(message))
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      const message = memory
        ? `${this.#what} needed more than ${this.#memoryMb} MB`
        : `${this.#what} failed: ${error.message}`
      void this.end(new LLMError(memory ? 'ERR_TEXT_MEMORY' : 'ERR_TOKENIZER_INVALID', message, { cause: error }))
    })
    this.#worker.on(
      'exit',
      () => void this.end(new LLMError('ERR_TOKENIZER_INVALID', `${this.#what}: the thread ended`)),
    )
    this.ready = this.#wait().then((message) => {
      if ('ready' in message) return message.ready
      const error = failureOf(message)
      void this.end(error)
      throw error
    })
    this.ready.catch(() => {})
  }

  /**
   * Runs one job; never two at once.
   * @param what runs, for messages: the file and the step.
   */
  async run(job: Job, what: string): Promise<EncodedPrompt> {
    this.#what = what
    try {
      this.#worker.postMessage(job)
    } catch (cause) {
      throw new TypeError(`expected messages and options to be plain data: ${(cause as Error).message}`, { cause })
    }
    const message = await this.#wait()
    if ('prompt' in message) return message.prompt
    throw failureOf(message)
  }

  /** Leaves at most `ms` for what runs. */
  hurry(ms: number): void {
    if (this.#answer !== undefined) this.#arm(Math.min(ms, this.#deadlineMs))
  }

  /** Ends the thread; what runs fails with `reason`. */
  async end(reason: unknown): Promise<void> {
    this.ended = true
    clearTimeout(this.#timer)
    this.#answer?.reject(reason)
    await this.#worker.terminate()
  }

  async #wait(): Promise<WorkerMessage> {
    this.#worker.ref()
    this.#arm(this.#deadlineMs)
    try {
      return await new Promise((resolve, reject) => {
        this.#answer = { resolve, reject }
      })
    } finally {
      this.#answer = undefined
      clearTimeout(this.#timer)
      this.#worker.unref()
    }
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      void this.end(new LLMError('ERR_TEXT_TIMEOUT', `${this.#what} took longer than ${this.#deadlineMs} ms`))
    }, ms)
  }
}

function failureOf(message: WorkerMessage): Error {
  const { code, message: text }: Failure =
    'failure' in message ? message.failure : { code: 'ERR_TOKENIZER_INVALID', message: 'unexpected answer' }
  return code === undefined ? new TypeError(text) : new LLMError(code, text)
}
