import type { ResidentEngine } from './engine/resident.js'
import { LLMError } from './errors.js'
import { callSiteOf } from './generation/call-site.js'
import { RequestTracker } from './generation/diagnostics.js'
import { checkBatch, type Prompts, runAll } from './generation/generate-all.js'
import { type CheckedPrompt, checkPrompt, checkTokens, type Prompt } from './generation/prompt.js'
import { RequestQueue } from './generation/queue.js'
import { encodeOptions, type RequestContext, startRequest, warnIgnored } from './generation/request.js'
import { type GenerationResult, type WarmResult, warmResult } from './generation/result.js'
import { GenerationStream } from './generation/stream.js'
import { type ModelInfo, modelInfo } from './info.js'
import { type OpenedModel, openModel } from './loading/open-model.js'
import type { Metrics } from './metrics.js'
import type { GenerateAllOptions } from './options/batch.js'
import type { ChatOptions } from './options/encode.js'
import { encodeTable } from './options/encode.js'
import { type GenerationOptions, generationDefaults, generationTable, withoutChat } from './options/generation.js'
import { type LoadOptions, loadDefaults, loadTable } from './options/load.js'
import { greedySampling, resolveSampling } from './options/resolve-sampling.js'
import * as check from './options/rules.js'
import type { Sampling } from './options/sampling.js'
import { mergeOptions } from './options/table.js'
import { type WarmOptions, warmTable } from './options/warm.js'
import { Detokenizer } from './output/detokenizer.js'
import type { EncodedPrompt } from './text/prompt/encoded-prompt.js'
import type { ChatMessage } from './text/template/messages.js'
import type { TextWorker } from './text/worker/text-worker.js'
import { type Warn, warnOnce } from './warnings.js'

// A model that nobody can reach any more and that generates nothing is closed. Running requests keep their model reachable.
const forgotten = new FinalizationRegistry<() => void>((close) => close())

/** A language model on an OpenVINO device. */
export class LLM {
  readonly #context: RequestContext
  readonly #describe: () => ModelInfo
  readonly #defaults: GenerationOptions
  readonly #engine: ResidentEngine
  readonly #folder: string
  #closing: Promise<void> | undefined

  /**
   * Loads a model: a folder with an OpenVINO IR as optimum-intel exports it, or a GGUF file, which is converted once into the cache
   * folder (`OPENVINO_LLM_CACHE`). Reading, compiling and warming up happen on another thread.
   *
   * @throws TypeError for options that are unknown or out of range.
   * @throws LLMError `ERR_MODEL_*`, `ERR_UNSUPPORTED_MODEL`, `ERR_*TOKENIZER*`, `ERR_DEVICE`, `ERR_PROPERTY`, `ERR_CONVERT`, `ERR_CACHE`,
   * `ERR_OUT_OF_MEMORY`, `ERR_ENGINE`, `ERR_ADDON_*`; its message names the file, option or property.
   * @throws `options.signal.reason` once the signal is aborted.
   */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<LLM> {
    check.checkOptions(options, loadTable, 'LoadOptions')
    check.checkOptions(options.defaults ?? {}, generationTable, 'defaults')
    const warn = warnOnce(options.onWarning)
    return new LLM(await openModel(model, options, warn), options, warn)
  }

  private constructor(opened: OpenedModel, options: LoadOptions, warn: Warn) {
    const { definition, draft, engine, text, context, runnerReason, device } = opened
    const { generation } = definition
    const stopTokenIds = [...new Set([...definition.stopTokenIds, ...text.eosTokenIds])].filter(
      (id) => id < engine.info.vocabularySize,
    )
    this.#defaults = mergeOptions<GenerationOptions>({ maxNewTokens: generation.maxNewTokens }, options.defaults ?? {})
    this.#context = {
      engine,
      text,
      warn,
      queue: new RequestQueue(engine.info.maxSequences, options.maxQueue ?? loadDefaults.maxQueue, engine),
      sampling: generation,
      contextLength: context.length,
      contextReason: context.reason,
      maxPrompt: engine.info.maxPrompt || Number.POSITIVE_INFINITY,
      vocabularySize: engine.info.vocabularySize,
      canDraft: engine.info.canDraft,
      stopTokenIds,
      stopWords: generation.stopStrings,
    }
    this.#engine = engine
    this.#folder = definition.folder
    const stopWords = [...stopTokenIds.map((id) => tokenText(text, id)), ...generation.stopStrings]
    this.#describe = () =>
      modelInfo({
        definition,
        device: device.name,
        deviceReason: device.reason,
        ready: engine.info,
        residency: engine.residency,
        health: engine.health,
        runnerReason,
        draftModel: draft?.folder ?? '',
        context,
        stopTokenIds,
        stopWords,
      })
    if (generation.unsupported.length > 0) {
      warn(
        'generation-config',
        `generation_config.json asks for ${generation.unsupported.join(', ')}, which this version does not apply`,
      )
    }
    forgotten.register(this, () => void closeParts(engine, text), this)
  }

  /** What is known of the model, now: memory is measured anew, and properties change when logits were not finite. */
  get info(): ModelInfo {
    return this.#describe()
  }

  /**
   * Starts an answer at once and gives it as a stream of parts. `result` of what is returned is the whole answer.
   *
   * @throws TypeError for a prompt or options that are wrong; everything later rejects `result` and the iteration.
   * @throws LLMError `ERR_CLOSED`, `ERR_TOKEN_ID`.
   */
  stream(prompt: Prompt, options: GenerationOptions = {}): GenerationStream {
    const begun = performance.now()
    check.checkOptions(options, generationTable, 'GenerationOptions')
    this.#checkOpen()
    const merged = mergeOptions(this.#defaultsFor(prompt), options)
    const sampling = resolveSampling(merged, this.#context.sampling)
    const checked = checkPrompt(prompt, this.#context.vocabularySize, options)
    return this.#start(checked, merged, sampling, this.stream, begun)
  }

  /**
   * The whole answer: `stream(prompt, options).result`.
   *
   * Rejects with what {@link stream} throws or rejects with.
   */
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
    const concurrency = batch.concurrency ?? this.#engine.info.maxSequences
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
  }

  /** Counts of requests, tokens and the KV cache: how it is now, and sums since the model was loaded. */
  metrics(): Metrics {
    this.#checkOpen()
    const { residency, health } = this.#engine
    return { activeRequests: this.#context.queue.active, residency, health, ...this.#engine.metrics() }
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
    const encode = encodeOptions(mergeOptions(this.#defaultsFor(prompt), options))
    const checked = checkPrompt(prompt, this.#context.vocabularySize, options)
    if (checked.kind === 'tokens') throw new TypeError('expected text or chat messages, received { tokens }')
    if (checked.kind === 'text') return this.#context.text.encodeText(checked.text, encode)
    const encoded = await this.#context.text.encodeChat(checked.messages, encode)
    warnIgnored(this.#context, encoded)
    return encoded
  }

  /**
   * The text of tokens, as decoding the whole gives it.
   * @param options.skipSpecialTokens default false: what the tokens say, and no less.
   */
  async detokenize(tokens: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): Promise<string> {
    check.checkOptions(options, { skipSpecialTokens: check.boolean }, 'detokenize options')
    this.#checkOpen()
    if (tokens.length === 0) return ''
    const checked = checkTokens(tokens, this.#context.vocabularySize)
    const detokenizer = new Detokenizer(this.#context.text.tokens, { continuation: false })
    const known = checked.filter((token) => token < this.#context.text.tokens.size)
    return [...detokenizer.push(known), ...detokenizer.end()]
      .map(({ text, special }) => (special && options.skipSpecialTokens ? '' : text))
      .join('')
  }

  /** Ends running requests with `ERR_CLOSED` and frees everything. Idempotent; resolves when the memory is free. */
  close(): Promise<void> {
    forgotten.unregister(this)
    this.#closing ??= closeParts(this.#engine, this.#context.text)
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
    options: GenerationOptions,
    sampling: Sampling,
    caller: CallableFunction,
    begun: number,
  ): GenerationStream {
    const { maxNewTokens } = options
    const {
      numReturnSequences: count = generationDefaults.numReturnSequences,
      priority = generationDefaults.priority,
    } = options
    const about = { model: this.#folder, prompt: prompt.kind, answers: maxNewTokens === 0 ? 0 : count, priority }
    const observer = new RequestTracker(this.#context.queue, about)
    return new GenerationStream({
      signal: options.signal,
      onText: options.onText,
      onReprefill: options.onReprefill,
      timeout: options.timeout,
      count,
      observer,
      callSite: callSiteOf(caller),
      // Captures `this`: a model with a running request is not forgotten.
      start: async (handlers, signal) => {
        observer.enter()
        return await startRequest(this.#context, prompt, options, sampling, handlers, signal, begun)
      },
    })
  }

  #checkOpen(): void {
    if (this.#closing) throw new LLMError('ERR_CLOSED', 'the model has been closed')
  }
}

async function closeParts(engine: ResidentEngine, text: TextWorker): Promise<void> {
  await Promise.all([engine.close(), text.close()])
}

function tokenText({ tokens: { bytes, offsets } }: TextWorker, id: number): string {
  return new TextDecoder().decode(bytes.subarray(offsets[id], offsets[id + 1]))
}
