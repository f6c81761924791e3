import { randomUUID } from 'node:crypto'
import { LLMError } from './errors.js'
import { withValues } from './generation/answer-value.js'
import { callSiteOf } from './generation/call-site.js'
import { RequestTracker } from './generation/diagnostics.js'
import { checkBatch, type Prompts, runAll } from './generation/generate-all.js'
import type { LanguageModel } from './generation/language-model.js'
import { type CheckedPrompt, checkPrompt, type Prompt } from './generation/prompt.js'
import { checkRunner, type RequestContext, type ScoringRequest, startRequest } from './generation/request.js'
import { withRequestId } from './generation/request-id.js'
import { type GenerationResult, type WarmResult, warmResult } from './generation/result.js'
import { rewriting } from './generation/rewrite.js'
import { GenerationStream } from './generation/stream.js'
import { encodeOptions, textOf, tokenizePrompt } from './generation/tokenize.js'
import { type ModelInfo, modelInfo } from './info.js'
import { closedInTime, closeWhenForgotten } from './loading/forgotten.js'
import { closeModel, type OpenedModel, openModel } from './loading/open-model.js'
import { requestContext } from './loading/request-context.js'
import type { Metrics } from './metrics.js'
import type { GenerateAllOptions } from './options/batch.js'
import type { ConnectOptions } from './options/connect.js'
import { type DefaultsLayer, mergeLayers } from './options/defaults.js'
import type { ChatOptions } from './options/encode.js'
import { encodeTable } from './options/encode.js'
import {
  defaultsTable,
  type GenerationOptions,
  generationDefaults,
  generationTable,
  toolsOf,
  withoutChat,
} from './options/generation.js'
import { type LoadOptions, loadTable } from './options/load.js'
import { checkLogprobs } from './options/logprobs.js'
import { checkBeams, searchesWithBeams, withBeams } from './options/resolve-beams.js'
import { checkSampling, greedySampling, resolveSampling, samplingDecision } from './options/resolve-sampling.js'
import { checkResponseFormat, type ResponseFormat, type ValueOf } from './options/response-format.js'
import * as check from './options/rules.js'
import type { Sampling } from './options/sampling.js'
import { type PerplexityOptions, perplexityTable, type ScoreOptions, scoreTable } from './options/scoring.js'
import { mergeOptions } from './options/table.js'
import { requiredTools } from './options/tools.js'
import { type WarmOptions, warmTable } from './options/warm.js'
import type { TokenLogprob } from './output/logprobs.js'
import type { ConnectedModel } from './remote/connected-model.js'
import { checkText, type Perplexity, perplexityOf } from './scoring/perplexity.js'
import { type Continuation, type ContinuationScore, checkScoring, scoreContinuations } from './scoring/score.js'
import type { Scorer } from './scoring/score-tokens.js'
import type { EncodedPrompt } from './text/prompt/encoded-prompt.js'
import type { ChatMessage } from './text/template/messages.js'
import { type Warn, warnOnce } from './warnings.js'

/** A language model on an OpenVINO device. One that nobody can reach any more, and that generates nothing, is closed. */
export class LLM implements LanguageModel {
  readonly #opened: OpenedModel
  readonly #context: RequestContext
  /** Defaults of requests, the strongest first. */
  readonly #layers: readonly DefaultsLayer[]
  /** All of them together. */
  readonly #defaults: GenerationOptions
  #closing: Promise<void> | undefined

  /**
   * Loads a model: a folder with an OpenVINO IR as optimum-intel exports it; a GGUF file, which is converted once into the cache folder
   * (`OPENVINO_LLM_CACHE`); a repository of the Hugging Face hub, which is downloaded once; or a model.yaml of LocalAI. Reading, compiling
   * and warming up happen on another thread.
   *
   * @throws TypeError for options that are unknown or out of range.
   * @throws LLMError `ERR_REFERENCE`, `ERR_NETWORK`, `ERR_ACCESS`, `ERR_OFFLINE`, `ERR_INTEGRITY`, `ERR_DISK_FULL`, `ERR_MODEL_*`,
   * `ERR_UNSUPPORTED_MODEL`, `ERR_*TOKENIZER*`, `ERR_DEVICE`, `ERR_PROPERTY`, `ERR_CONVERT`, `ERR_CACHE`, `ERR_OUT_OF_MEMORY`, `ERR_ENGINE`, `ERR_ADDON_*`; its message names the file, option or property.
   * @throws `options.signal.reason` once the signal is aborted.
   */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<LLM> {
    check.checkOptions(options, loadTable, 'LoadOptions')
    check.checkOptions(options.defaults ?? {}, defaultsTable, 'defaults')
    checkSampling(options.defaults ?? {})
    checkBeams(options.defaults ?? {})
    const warn = warnOnce(options.onWarning)
    return new LLM(await openModel(model, options, warn), options, warn)
  }

  /**
   * Connects to a model behind a server that speaks OpenAI's API: `openvino-llm serve`, OpenVINO Model Server, LocalAI, vLLM, and others. What
   * it gives has the interface that {@link LanguageModel} describes. The list of models is asked for, and nothing else; no addon is loaded.
   *
   * @param baseUrl up to and including `/v1`, or `/v3` of OpenVINO Model Server; an address without a path gets `/v1`
   * @throws TypeError for options that are unknown or out of range, and for defaults that the server does not take.
   * @throws LLMError `ERR_NETWORK`, `ERR_TIMEOUT`, `ERR_ACCESS` for a key that is not accepted, `ERR_MODEL_NOT_FOUND`, `ERR_REFERENCE` when there are
   * several models and `model` is absent, `ERR_ENGINE`, `ERR_UNAVAILABLE`, `ERR_QUEUE_FULL`.
   * @throws `options.signal.reason` once the signal is aborted.
   */
  static async connect(baseUrl: string | URL, options: ConnectOptions = {}): Promise<ConnectedModel> {
    // Only what connects pays for it.
    const { connect } = await import('./remote/connect.js')
    return await connect(baseUrl, options)
  }

  private constructor(opened: OpenedModel, options: LoadOptions, warn: Warn) {
    this.#opened = opened
    this.#layers = [{ source: 'LoadOptions.defaults', options: { ...options.defaults } }, ...opened.definition.defaults]
    this.#defaults = mergeLayers(this.#layers)
    this.#context = requestContext(opened, warn)
    closeWhenForgotten(this, () => void closeModel(opened))
  }

  /** What is known of the model, now: memory is measured anew, and properties change when logits were not finite. */
  get info(): ModelInfo {
    return modelInfo(this.#opened, this.#context.stopTokenIds, this.#layers)
  }

  /**
   * Starts an answer at once and gives it as a stream of parts. `result` of what is returned is the whole answer.
   *
   * @throws TypeError for a prompt or options that are wrong; everything later rejects `result` and the iteration.
   * @throws LLMError `ERR_CLOSED`, `ERR_TOKEN_ID`, `ERR_NO_STREAMING`; `ERR_UNSUPPORTED_MODEL` for more beams than the engine computes at once.
   */
  stream<const Format extends ResponseFormat>(
    prompt: Prompt,
    options: GenerationOptions & { responseFormat: Format },
  ): GenerationStream & { readonly result: Promise<GenerationResult & ValueOf<Format>> }
  stream(prompt: Prompt, options?: GenerationOptions): GenerationStream
  stream(prompt: Prompt, options: GenerationOptions = {}): GenerationStream {
    const begun = performance.now()
    try {
      check.checkOptions(options, generationTable, 'GenerationOptions')
      checkSampling(options)
      checkBeams(options)
      this.#checkOpen()
      const all = mergeOptions(this.#defaultsFor(prompt), options)
      checkLogprobs(options, all)
      if (all.responseFormat) checkResponseFormat(all.responseFormat)
      const tools = toolsOf(all)
      requiredTools(tools, all.toolChoice)
      if (tools && all.responseFormat) {
        throw new TypeError(
          "expected either responseFormat or tools, received both; toolChoice: 'none' hides the tools",
        )
      }
      const layers = [{ source: 'request', options }, ...this.#layers]
      const decision = samplingDecision(layers)
      const searches = searchesWithBeams(layers, decision)
      const merged = withBeams(options, all, searches)
      if (searches) checkRunner(this.#context, merged)
      const sampling = resolveSampling(merged, decision.samples && !searches)
      const checked = checkPrompt(prompt, this.#context.vocabularySize, options)
      return this.#start(checked, merged, sampling, this.stream, begun)
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
    options: GenerationOptions & { responseFormat: Format },
  ): Promise<GenerationResult & ValueOf<Format>>
  generate(prompt: Prompt, options?: GenerationOptions): Promise<GenerationResult>
  async generate(prompt: Prompt, options: GenerationOptions = {}): Promise<GenerationResult> {
    return await this.stream(prompt, options).result
  }

  /**
   * The answers to many prompts, in their order. The prompts may be any iterable, also an asynchronous one: each is asked for when its
   * turn has come, so there may be more than fit into memory.
   *
   * Rejects with the first failure, with `signal.reason`, or with `stopOnError: false` with an AggregateError of all failures; whatever
   * runs then is cancelled.
   */
  async generateAll(prompts: Prompts, options: GenerateAllOptions = {}): Promise<GenerationResult[]> {
    const { request, batch } = checkBatch(prompts, options)
    this.#checkOpen()
    const concurrency = batch.concurrency ?? this.#opened.engine.info.maxSequences
    return await runAll(prompts, { ...batch, concurrency }, (prompt, signal) =>
      this.generate(prompt, { ...request, signal }),
    )
  }

  /**
   * Computes the beginning of later prompts into the KV cache: a system message, a long text, or tokens. A request whose prompt begins
   * so needs only compute the rest, as long as the cache has not given the place to something else.
   *
   * Rejects as {@link generate} does.
   */
  async warm(prompt: Prompt, options: WarmOptions = {}): Promise<WarmResult> {
    const begun = performance.now()
    try {
      check.checkOptions(options, warmTable, 'WarmOptions')
      this.#checkOpen()
      const merged: GenerationOptions = {
        ...encodeOptions(this.#defaultsFor(prompt)),
        ...mergeOptions<GenerationOptions>({}, options),
        addGenerationPrompt: false,
        continueFinalMessage: false,
        maxNewTokens: 0,
      }
      const checked = checkPrompt(prompt, this.#context.vocabularySize, options)
      return warmResult(await this.#start(checked, merged, greedySampling, this.warm, begun).result)
    } catch (error) {
      throw withRequestId(error, options)
    }
  }

  /**
   * How likely each continuation is after the prompt. They are computed at once, and what they have in common only once.
   *
   * Rejects as {@link generate} does, and with a TypeError for a continuation that adds no token.
   */
  async score(
    prompt: Prompt,
    continuations: readonly Continuation[],
    options: ScoreOptions = {},
  ): Promise<ContinuationScore[]> {
    const scorer = this.#scorer(this.score)
    try {
      check.checkOptions(options, scoreTable, 'ScoreOptions')
      this.#checkOpen()
      const checked = checkScoring(prompt, continuations, this.#context.vocabularySize, options)
      const merged = mergeOptions<ScoreOptions>(encodeOptions(this.#defaultsFor(prompt)), options)
      return await scoreContinuations(this.#context, checked, merged, scorer)
    } catch (error) {
      throw withRequestId(error, options)
    }
  }

  /**
   * The perplexity of a text, in windows of the model's context, as Hugging Face's guide defines it.
   *
   * Rejects as {@link generate} does.
   */
  async perplexity(
    text: string | { readonly tokens: ArrayLike<number> },
    options: PerplexityOptions = {},
  ): Promise<Perplexity> {
    const scorer = this.#scorer(this.perplexity)
    try {
      check.checkOptions(options, perplexityTable, 'PerplexityOptions')
      this.#checkOpen()
      return await perplexityOf(this.#context, checkText(text, this.#context.vocabularySize), options, scorer)
    } catch (error) {
      throw withRequestId(error, options)
    }
  }

  /** Counts of requests, tokens and the KV cache: how it is now, and sums since the model was loaded. */
  metrics(): Metrics {
    this.#checkOpen()
    const { engine } = this.#opened
    const { residency, health } = engine
    return { activeRequests: this.#context.queue.active, residency, health, ...engine.metrics() }
  }

  /**
   * The tokens of raw text, or of chat messages behind the chat template, exactly as a request would see them. The result can be given
   * as a prompt.
   */
  async tokenize(
    prompt: string | readonly ChatMessage[],
    options: Omit<ChatOptions, 'maxTokens'> = {},
  ): Promise<EncodedPrompt> {
    check.checkOptions(options, encodeTable, 'tokenize options')
    this.#checkOpen()
    const merged = mergeOptions(this.#defaultsFor(prompt), options)
    return await tokenizePrompt(this.#context, checkPrompt(prompt, this.#context.vocabularySize, options), merged)
  }

  /**
   * The text of tokens, as decoding the whole gives it.
   * @param options.skipSpecialTokens default false: what the tokens say, and no less.
   */
  async detokenize(tokens: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): Promise<string> {
    check.checkOptions(options, { skipSpecialTokens: check.boolean }, 'detokenize options')
    this.#checkOpen()
    return textOf(this.#context, tokens, options.skipSpecialTokens ?? false)
  }

  /** Ends running requests with `ERR_CLOSED` and frees everything. Idempotent; resolves when the memory is free. */
  close(): Promise<void> {
    closedInTime(this)
    this.#closing ??= closeModel(this.#opened)
    return this.#closing
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #defaultsFor(prompt: Prompt): GenerationOptions {
    return Array.isArray(prompt) ? this.#defaults : withoutChat(this.#defaults)
  }

  /**
   * @param caller the public method, whose caller is put under errors
   * @param begun when that was called, by `performance.now()`
   */
  #start(
    prompt: CheckedPrompt,
    options: ScoringRequest,
    sampling: Sampling,
    caller: CallableFunction,
    begun: number,
  ): GenerationStream {
    const { maxNewTokens, requestId = randomUUID(), responseFormat: format } = options
    const {
      numReturnSequences: count = generationDefaults.numReturnSequences,
      priority = generationDefaults.priority,
    } = options
    const about = {
      requestId,
      model: this.#opened.definition.folder,
      prompt: prompt.kind,
      answers: maxNewTokens === 0 ? 0 : count,
      priority,
    }
    const rewrite = maxNewTokens === 0 ? undefined : rewriting(this.#context, prompt)
    if (rewrite && options.onText) throw rewrite.refusal
    const observer = new RequestTracker(this.#context.queue, about)
    return new GenerationStream({
      requestId,
      signal: options.signal,
      filter: options.filter,
      onToken: options.onToken,
      onText: options.onText,
      onReprefill: options.onReprefill,
      timeout: options.timeout,
      format: format && {
        growing: format.type === 'json' || format.type === 'json_schema',
        complete: (result) => withValues(result, format),
      },
      count,
      observer,
      rewrite,
      callSite: callSiteOf(caller),
      // Captures `this`: a model with a running request is not forgotten.
      start: async (handlers, signal) => {
        observer.enter()
        return await startRequest(this.#context, prompt, options, sampling, handlers, signal, begun)
      },
    })
  }

  /** @param caller the public method */
  #scorer(caller: CallableFunction): Scorer {
    const begun = performance.now()
    return {
      begun,
      concurrency: this.#opened.engine.info.maxSequences,
      score: async (tokens, request) => {
        const stream = this.#start({ kind: 'tokens', tokens }, request, greedySampling, caller, performance.now())
        const { promptLogprobs = [] } = await stream.result
        return promptLogprobs.filter((likely): likely is TokenLogprob => likely.logprob !== null)
      },
    }
  }

  #checkOpen(): void {
    if (this.#closing) throw new LLMError('ERR_CLOSED', 'the model has been closed')
  }
}
