import { Worker } from 'node:worker_threads'
import { LLMError } from '../../errors.js'
import { Deadline, type TimeLimits } from './deadline.js'
import type { ThreadClocks } from './thread-clock.js'
import type { Answer, Done, Failure, Job, Ready, WorkerMessage, WorkerStart } from './worker.js'

/** What a thread may use. */
export interface ThreadLimits extends TimeLimits {
  /** Megabytes of JavaScript objects. */
  memoryMb: number
  /** What reads its CPU time; without them, time on the clock stands in for it. */
  clocks: ThreadClocks | undefined
}

/** One worker thread, from its start to its end. */
export class Thread {
  /** Settles once, and never raises unhandledRejection. */
  readonly ready: Promise<Ready>
  ended = false
  readonly #worker: Worker
  readonly #limits: ThreadLimits
  readonly #deadline: Deadline
  readonly #began = performance.now()
  /** The thread's clock; undefined until it has told, null when there is none. */
  #clock: number | null | undefined
  #answer: { resolve: (message: Answer) => void; reject: (reason: unknown) => void } | undefined
  #what: string

  constructor(start: Omit<WorkerStart, 'addonPath'>, limits: ThreadLimits) {
    this.#limits = limits
    if (limits.clocks === undefined) this.#clock = null
    const clocks = {
      cpu: () => this.#cpuTime(),
      wall: () => performance.now(),
      // The thread keeps the process alive while it has something to do; its timer need not.
      after: (ms: number, call: () => void) => {
        const timer = setTimeout(call, ms).unref()
        return () => clearTimeout(timer)
      },
    }
    this.#deadline = new Deadline(limits, clocks, (limit) => void this.end(this.#tooLong(limit)))
    this.#what = `${start.source.tokenizerPath}: loading the tokenizer`
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { ...start, addonPath: limits.clocks?.addonPath } satisfies WorkerStart,
      // The process's loaders and hooks do not belong in this thread.
      execArgv: [],
      // A small young generation: the thread's heap would otherwise creep up by tens of megabytes over thousands of jobs.
      // Whatever these limits, V8 ends the whole process when a single large allocation fails in a worker: templates and
      // tokenizer therefore bound their strings and lists themselves.
      resourceLimits: { maxOldGenerationSizeMb: limits.memoryMb, maxYoungGenerationSizeMb: 4 },
      name: 'openvino-llm text',
    })
    this.#worker.on('message', (message: WorkerMessage) => {
      if ('clock' in message) this.#clock = message.clock
      else this.#answer?.resolve(message)
    })
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      const message = memory
        ? `${this.#what} needed more than ${limits.memoryMb} MB`
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
   * @param what the file and the step, for errors.
   */
  async run(job: Job, what: string): Promise<Done> {
    this.#what = what
    try {
      this.#worker.postMessage(job)
    } catch (cause) {
      throw new TypeError(`expected messages and options to be plain data: ${(cause as Error).message}`, { cause })
    }
    const message = await this.#wait()
    if ('prompt' in message) return message.prompt
    if ('texts' in message) return message.texts
    throw failureOf(message)
  }

  /** Leaves at most `cpuMs` of CPU time for what runs. */
  hurry(cpuMs: number): void {
    this.#deadline.hurry(cpuMs)
  }

  /** Ends the thread; what runs fails with `reason`. */
  async end(reason: unknown): Promise<void> {
    this.ended = true
    this.#deadline.stop()
    this.#answer?.reject(reason)
    await this.#worker.terminate()
  }

  async #wait(): Promise<Answer> {
    this.#worker.ref()
    this.#deadline.start()
    try {
      return await new Promise((resolve, reject) => {
        this.#answer = { resolve, reject }
      })
    } finally {
      this.#answer = undefined
      this.#deadline.stop()
      // A thread that is being ended keeps the process alive until it is gone: somebody waits for that.
      if (!this.ended) this.#worker.unref()
    }
  }

  #cpuTime(): number | undefined {
    if (this.#clock === null) return performance.now() - this.#began
    return this.#clock === undefined ? undefined : this.#limits.clocks?.cpuTime(this.#clock)
  }

  #tooLong(limit: 'cpu' | 'wall'): LLMError {
    const { cpuMs, wallMs } = this.#limits
    const used = limit === 'cpu' && this.#clock !== null
    const seconds = (limit === 'cpu' ? cpuMs : wallMs) / 1000
    return new LLMError(
      'ERR_TEXT_TIMEOUT',
      used ? `${this.#what} used more than ${seconds} s of CPU time` : `${this.#what} took longer than ${seconds} s`,
    )
  }
}

function failureOf(message: Answer): Error {
  const { code, message: text }: Failure =
    'failure' in message ? message.failure : { code: 'ERR_TOKENIZER_INVALID', message: 'unexpected answer' }
  return code === undefined ? new TypeError(text) : new LLMError(code, text)
}
