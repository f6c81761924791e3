import { LLMError } from '../../errors.js'
import type { ChatOptions, EncodeOptions } from '../../options/encode.js'
import type { TextRewrite } from '../../options/rewrite.js'
import type { EncodedPrompt } from '../prompt/encoded-prompt.js'
import { chosenTemplate, type Wanted } from '../template/chosen-template.js'
import type { ChatMessage } from '../template/messages.js'
import type { TextSource } from '../text-source.js'
import type { TokenTable } from '../tokenizer/token-table.js'
import { threadClocks } from './thread-clock.js'
import type { Done, Job, Ready } from './worker.js'
import { Thread, type ThreadLimits } from './worker-thread.js'

/** Settings of {@link TextWorker.open}. */
export interface TextWorkerOptions {
  /** Aborts the opening. */
  signal?: AbortSignal
  /**
   * Milliseconds of CPU time that the opening and each job may take in the thread; waiting does not count. Where the
   * addon cannot be loaded, which reads that time, it is time on the clock. Default 15,000.
   */
  cpuMs?: number
  /** Milliseconds on the clock that the opening and each job may take. Default 300,000. */
  wallMs?: number
  /** Megabytes of JavaScript objects that the thread may hold. Default 1,024. */
  memoryMb?: number
}

interface Pending {
  job: Job
  resolve: (done: Done) => void
  reject: (reason: unknown) => void
  /** Holds the stack of the caller. */
  trace: Error
  signal: AbortSignal | undefined
  onAbort: () => void
  settled: boolean
}

/**
 * CPU time in milliseconds that a job may still take once its caller has given it up. Starting a new thread takes about
 * as much.
 */
const abortedGraceMs = 500

/** Words whose tokens are kept. */
const mostWords = 4096

/**
 * The main thread's side of tokenizer and chat templates, which run in a worker thread. One job runs at a time, and the
 * others wait in order. A job that takes too long or exhausts the memory fails alone: its thread is ended, and a new
 * one does the rest. While nothing runs, the thread does not keep the process alive.
 */
export class TextWorker {
  /** The bytes of every token. */
  readonly tokens: TokenTable
  /** Ids of the tokenizer files' eos_token. */
  readonly eosTokenIds: readonly number[]
  readonly bosTokenId: number | undefined
  readonly #source: TextSource
  readonly #limits: ThreadLimits
  readonly #added: ReadonlyMap<string, number>
  readonly #words = new Map<string, readonly number[]>()
  #thread: Thread | undefined
  #waiting: Pending[] = []
  #running: Pending | undefined
  #closed = false

  private constructor(source: TextSource, limits: ThreadLimits, thread: Thread, ready: Ready) {
    this.#source = source
    this.#limits = limits
    this.#thread = thread
    this.tokens = ready.tokens!
    this.eosTokenIds = ready.eosTokenIds
    this.bosTokenId = ready.bosTokenId
    this.#added = new Map(ready.addedTokens)
  }

  /**
   * Reads the tokenizer's files in a new thread.
   * @throws LLMError naming the file; `signal.reason` when aborted.
   */
  static async open(source: TextSource, options: TextWorkerOptions = {}): Promise<TextWorker> {
    options.signal?.throwIfAborted()
    const limits: ThreadLimits = {
      cpuMs: options.cpuMs ?? 15_000,
      wallMs: options.wallMs ?? 300_000,
      memoryMb: options.memoryMb ?? 1024,
      clocks: threadClocks(),
    }
    const thread = new Thread({ source, table: true }, limits)
    const abort = (): void => void thread.end(options.signal?.reason)
    options.signal?.addEventListener('abort', abort, { once: true })
    try {
      const ready = await thread.ready
      return new TextWorker(source, limits, thread, ready)
    } finally {
      options.signal?.removeEventListener('abort', abort)
    }
  }

  /** The source of the template that chat messages are rendered with; undefined when there is none. */
  templateOf(wanted: Wanted): string | undefined {
    return chosenTemplate(this.#source.templates, wanted)?.source
  }

  /** Id of the token that `text` is, if it is exactly one added token. */
  addedTokenId(text: string): number | undefined {
    return this.#added.get(text)
  }

  /**
   * Encodes raw text.
   * @throws LLMError ERR_TEXT_TIMEOUT, ERR_TEXT_MEMORY, ERR_CLOSED; `signal.reason` when aborted.
   */
  encodeText(text: string, options: EncodeOptions & { signal?: AbortSignal } = {}): Promise<EncodedPrompt> {
    const { signal, ...rest } = options
    if (typeof text !== 'string')
      return Promise.reject(new TypeError(`expected text to be a string, received ${typeof text}`))
    return this.#submit({ kind: 'text', text, options: rest }, signal)
  }

  /**
   * The tokens of a text by itself, without special tokens around it. They are kept: options of many requests name the same words.
   * @throws as {@link encodeText}
   */
  async encodeWord(text: string): Promise<readonly number[]> {
    const known = this.#words.get(text)
    if (known !== undefined) return known
    const tokens = [...(await this.#submit({ kind: 'word', text }, undefined)).tokens]
    if (this.#words.size < mostWords) this.#words.set(text, tokens)
    return tokens
  }

  /**
   * Renders and encodes a chat.
   * @throws LLMError ERR_NO_CHAT_TEMPLATE, ERR_TEMPLATE and those of {@link encodeText}; TypeError for messages or
   * options of the wrong shape.
   */
  encodeChat(
    messages: readonly ChatMessage[],
    options: ChatOptions & { signal?: AbortSignal } = {},
  ): Promise<EncodedPrompt> {
    const { signal, ...rest } = options
    return this.#submit({ kind: 'chat', messages, options: rest }, signal)
  }

  /**
   * Whole answers as `rewrite` changes them, under the deadline of a job: its expressions come from a file.
   * @param prompt what was asked, if it was a text
   * @throws as {@link encodeText}
   */
  rewrite(
    texts: readonly string[],
    rewrite: TextRewrite,
    prompt: string,
    signal: AbortSignal | undefined,
  ): Promise<string[]> {
    return this.#submit({ kind: 'rewrite', texts, rewrite, prompt }, signal)
  }

  /** Ends the thread. Jobs that wait or run, and later ones, fail with ERR_CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    for (const pending of [this.#running, ...this.#waiting.splice(0)]) if (pending) this.#fail(pending, closed())
    this.#running = undefined
    const thread = this.#thread
    this.#thread = undefined
    await thread?.end(closed())
  }

  #submit<Kind extends Job['kind']>(job: Job & { kind: Kind }, signal: AbortSignal | undefined): Promise<Done<Kind>> {
    return new Promise<Done>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const pending: Pending = {
        job,
        resolve,
        reject,
        trace: new Error('called here'),
        signal,
        onAbort: () => this.#abort(pending),
        settled: false,
      }
      if (this.#closed) return this.#fail(pending, closed())
      signal?.addEventListener('abort', pending.onAbort, { once: true })
      this.#waiting.push(pending)
      this.#next()
    }) as Promise<Done<Kind>>
  }

  #next(): void {
    if (this.#running !== undefined || this.#closed) return
    const pending = this.#waiting.shift()
    if (pending === undefined) return
    this.#running = pending
    void this.#run(pending)
  }

  async #run(pending: Pending): Promise<void> {
    try {
      if (this.#thread === undefined || this.#thread.ended)
        this.#thread = new Thread({ source: this.#source, table: false }, this.#limits)
      const thread = this.#thread
      await thread.ready
      if (!pending.settled) {
        const done = await thread.run(pending.job, label(pending.job, this.#source))
        if (!pending.settled) {
          this.#settle(pending)
          pending.resolve(done)
        }
      }
    } catch (error) {
      this.#fail(pending, error)
    }
    if (this.#running === pending) this.#running = undefined
    this.#next()
  }

  #abort(pending: Pending): void {
    this.#fail(pending, pending.signal?.reason)
    const index = this.#waiting.indexOf(pending)
    if (index >= 0) this.#waiting.splice(index, 1)
    else if (this.#running === pending) this.#thread?.hurry(abortedGraceMs)
  }

  #fail(pending: Pending, reason: unknown): void {
    if (pending.settled) return
    this.#settle(pending)
    const ours = reason instanceof LLMError || reason instanceof TypeError
    if (ours && !pending.signal?.aborted) {
      const frames = pending.trace.stack?.split('\n').slice(1).join('\n') ?? ''
      reason.stack = `${reason.name}: ${reason.message}\n${frames}`
    }
    pending.reject(reason)
  }

  #settle(pending: Pending): void {
    pending.settled = true
    pending.signal?.removeEventListener('abort', pending.onAbort)
  }
}

const closed = (): LLMError => new LLMError('ERR_CLOSED', 'the model has been closed')

/** What an error about time or memory names: the file, and what was done with it. */
function label(job: Job, source: TextSource): string {
  if (job.kind === 'rewrite') return 'model.yaml: cutstrings and extract_regex on an answer'
  const own =
    job.kind === 'chat' &&
    job.options.chatTemplate !== undefined &&
    !Object.hasOwn(source.templates, job.options.chatTemplate)
  if (job.kind !== 'chat') return `${source.tokenizerPath}: encoding a text of ${job.text.length} characters`
  return own
    ? 'option chatTemplate: rendering and encoding the messages'
    : `${source.templateFile}: rendering and encoding the messages`
}
