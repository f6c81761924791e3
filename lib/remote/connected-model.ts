import { randomUUID } from 'node:crypto'
import { LLMError } from '../errors.js'
import { withValues } from '../generation/answer-value.js'
import { callSiteOf } from '../generation/call-site.js'
import { RequestTracker } from '../generation/diagnostics.js'
import { checkBatch, type Prompts, runAll } from '../generation/generate-all.js'
import type { LanguageModel } from '../generation/language-model.js'
import { checkPrompt, checkTokens, type Prompt } from '../generation/prompt.js'
import { RequestQueue } from '../generation/queue.js'
import { withRequestId } from '../generation/request-id.js'
import type { GenerationResult } from '../generation/result.js'
import { GenerationStream } from '../generation/stream.js'
import type { ServerKind } from '../options/connect.js'
import { type GenerationOptions, generationDefaults, generationTable, withoutChat } from '../options/generation.js'
import { resolveLogprobs } from '../options/logprobs.js'
import { checkResponseFormat, type ResponseFormat, type ValueOf } from '../options/response-format.js'
import * as check from '../options/rules.js'
import type { SentOptions, SharedBatchOptions, SharedOptions } from '../options/shared.js'
import { mergeOptions } from '../options/table.js'
import type { ChatMessage } from '../text/template/messages.js'
import type { HttpClient } from './http-client.js'
import { RemoteRequest } from './remote-request.js'
import { requestBody } from './request-body.js'
import { splitOptions } from './request-options.js'
import { servers } from './servers.js'
import { detokenizeRemotely, tokenizeRemotely } from './tokens.js'

/** What is known of a connected model: `llm.info`. */
export interface ConnectedModelInfo {
  /** Where it was found, without a slash at the end. */
  baseUrl: string
  /** Its name there. */
  model: string
  server: ServerKind
  /** Positions that prompt and answer share; null when the server does not say. */
  contextLength: number | null
}

/** Requests that `generateAll` sends at a time when nobody says how many. */
const usualConcurrency = 8

/**
 * A model behind a server, as `LLM.connect` gives it. It has what {@link LanguageModel} has; nothing of it is computed here.
 *
 * Of results, `tokens` are empty and `logprobs` have the id -1 where the server does not tell ids; `seed` is the one that was given; `timings`
 * are those that this side sees, with the server's queue in `prefill`.
 */
export class ConnectedModel implements LanguageModel {
  readonly info: ConnectedModelInfo
  readonly #http: HttpClient
  readonly #defaults: SentOptions
  readonly #queue = new RequestQueue(Number.POSITIVE_INFINITY, 0)
  readonly #running = new Set<RemoteRequest>()
  #closing: Promise<void> | undefined

  /** @internal `LLM.connect` makes it. */
  constructor(info: ConnectedModelInfo, http: HttpClient, defaults: SentOptions) {
    this.info = info
    this.#http = http
    this.#defaults = defaults
  }

  /**
   * Sends a request at once and gives its answer as a stream of parts. Where the server cannot stream an answer with these options rightly,
   * it comes as a whole.
   *
   * @throws TypeError for a prompt or options that are wrong, or that this server does not take: the message names the option. Everything
   * later rejects `result` and the iteration: LLMError `ERR_NETWORK`, `ERR_TIMEOUT`, `ERR_ACCESS`, `ERR_ENGINE`, `ERR_QUEUE_FULL` and
   * `ERR_UNAVAILABLE` with `retryAfter`, and what the server says by the codes of this package.
   * @throws LLMError `ERR_CLOSED`
   */
  stream<const Format extends ResponseFormat>(
    prompt: Prompt,
    options: SharedOptions & { responseFormat: Format },
  ): GenerationStream & { readonly result: Promise<GenerationResult & ValueOf<Format>> }
  stream(prompt: Prompt, options?: SharedOptions): GenerationStream
  stream(prompt: Prompt, options: SharedOptions = {}): GenerationStream {
    try {
      check.checkOptions(options, generationTable, 'GenerationOptions')
      this.#checkOpen()
      const checked = checkPrompt(prompt, Number.POSITIVE_INFINITY, options)
      const defaults = checked.kind === 'chat' ? this.#defaults : withoutChat(this.#defaults)
      const { sent, own } = splitOptions(mergeOptions<GenerationOptions>(defaults, options), servers[this.info.server])
      const { responseFormat: format, seed = null } = sent
      if (format) checkResponseFormat(format)
      const body = requestBody(servers[this.info.server], this.info.model, checked, sent)
      const { requestId = randomUUID(), ...shell } = own
      const { numReturnSequences: count = generationDefaults.numReturnSequences } = sent
      const { logprobs: top } = resolveLogprobs(sent)
      const observer = new RequestTracker(this.#queue, {
        requestId,
        model: `${this.info.baseUrl}#${this.info.model}`,
        prompt: checked.kind,
        answers: count,
        priority: sent.priority ?? generationDefaults.priority,
      })
      return new GenerationStream({
        ...shell,
        requestId,
        format: format && {
          growing: format.type === 'json' || format.type === 'json_schema',
          complete: (result) => withValues(result, format),
        },
        count,
        observer,
        callSite: callSiteOf(this.stream),
        start: async (handlers, signal) => {
          observer.enter()
          const ask = {
            method: 'POST' as const,
            path: body.path,
            body: body.fields,
            headers: idHeader(requestId),
            signal,
          }
          const asked = { ask, streams: body.fields['stream'] === true, top: top < 0 ? undefined : top, seed }
          const request = new RemoteRequest(this.#http, asked, handlers, () => this.#running.delete(request))
          this.#running.add(request)
          return await request.start()
        },
      })
    } catch (error) {
      throw withRequestId(error, options)
    }
  }

  /**
   * The whole answer: `stream(prompt, options).result`.
   *
   * Rejects with what {@link stream} throws or rejects with.
   */
  generate<const Format extends ResponseFormat>(
    prompt: Prompt,
    options: SharedOptions & { responseFormat: Format },
  ): Promise<GenerationResult & ValueOf<Format>>
  generate(prompt: Prompt, options?: SharedOptions): Promise<GenerationResult>
  async generate(prompt: Prompt, options: SharedOptions = {}): Promise<GenerationResult> {
    return await this.stream(prompt, options).result
  }

  /**
   * The answers to many prompts, in their order, as `LLM.generateAll` gives them. `concurrency` is 8 unless it is given.
   *
   * Rejects with the first failure, with `signal.reason`, or with `stopOnError: false` with an AggregateError of all failures.
   */
  async generateAll(prompts: Prompts, options: SharedBatchOptions = {}): Promise<GenerationResult[]> {
    const { request, batch } = checkBatch(prompts, options)
    this.#checkOpen()
    const { concurrency = usualConcurrency } = batch
    return await runAll(prompts, { ...batch, concurrency }, (prompt, signal) =>
      this.generate(prompt, { ...request, signal }),
    )
  }

  /**
   * The tokens of raw text, or of chat messages behind the chat template, as the server counts them.
   * @throws TypeError where the server does not tell tokens, or those of messages
   */
  async tokenize(
    prompt: string | readonly ChatMessage[],
    options: Pick<SharedOptions, 'addGenerationPrompt'> = {},
  ): Promise<{ readonly tokens: Int32Array }> {
    check.checkOptions(options, { addGenerationPrompt: check.boolean }, 'tokenize options')
    this.#checkOpen()
    const checked = checkPrompt(prompt, Number.POSITIVE_INFINITY, options)
    return { tokens: await tokenizeRemotely(this.#http, this.info, checked, options.addGenerationPrompt ?? true) }
  }

  /**
   * The text of tokens, as the server decodes them.
   * @throws TypeError where the server does not do that
   */
  async detokenize(tokens: ArrayLike<number>): Promise<string> {
    this.#checkOpen()
    const checked = tokens.length === 0 ? [] : checkTokens(tokens, Number.POSITIVE_INFINITY)
    return await detokenizeRemotely(this.#http, this.info, [...checked])
  }

  /** Ends running requests with `ERR_CLOSED` and closes the connections. Idempotent. The server stays as it is. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const error = new LLMError('ERR_CLOSED', 'the model was closed while it generated this answer')
    for (const request of this.#running) request.fail(error)
    await this.#http.close()
  }

  #checkOpen(): void {
    if (this.#closing) throw new LLMError('ERR_CLOSED', 'the model has been closed')
  }
}

/** The id of a request for the server's log, where it can be said in a header. */
function idHeader(requestId: string): Record<string, string> {
  return /^[\w.:-]{1,128}$/.test(requestId) ? { 'x-request-id': requestId } : {}
}
