import * as check from './config/check.js'
import { defaultDevice, deviceKind, prefillChunk } from './config/devices.js'
import {
  encodeRules,
  type GenerationOptions,
  generationRules,
  type LoadOptions,
  loadRules,
  mergeOptions,
  withoutChat,
} from './config/options.js'
import { propertyLines } from './config/properties.js'
import { resolveSampling } from './config/sampling.js'
import { contextOf } from './context.js'
import { LLMError } from './errors.js'
import { checkPrompt, checkTokens, type Prompt } from './generation/prompt.js'
import { encodeOptions, type RequestContext, startRequest, warnIgnored } from './generation/request.js'
import type { GenerationResult } from './generation/result.js'
import { GenerationStream } from './generation/stream.js'
import { type ModelInfo, modelInfo } from './info.js'
import type { ModelDefinition } from './model/definition.js'
import { loadModel } from './model/load-model.js'
import { Engine } from './native/engine.js'
import { Detokenizer } from './text/detokenizer.js'
import { TextWorker } from './text/text-worker.js'
import type { ChatMessage, ChatOptions, EncodedPrompt } from './text/types.js'
import { type Warn, warnOnce } from './warnings.js'

/** Numbers of tokens that are computed once while loading: kernels are made per size, and no request shall pay for that. */
const warmupSizes = [1, 16]

// A model that nobody can reach any more and that generates nothing is closed. Running requests keep their model reachable.
const forgotten = new FinalizationRegistry<() => void>((close) => close())

/** A language model on an OpenVINO device. */
export class LLM {
  readonly #context: RequestContext
  readonly #info: ModelInfo
  readonly #defaults: GenerationOptions
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
    check.checkOptions(options, loadRules, 'LoadOptions')
    check.checkOptions(options.defaults ?? {}, generationRules, 'defaults')
    const { signal, onProgress, device = defaultDevice, ovConfig = {} } = options
    signal?.throwIfAborted()
    const kind = deviceKind(device)
    const properties = propertyLines(ovConfig)
    const warn = warnOnce(options.onWarning)
    const definition = await loadModel(model, { signal, onProgress })
    const opening = [
      Engine.start(
        {
          runner: 'stateful',
          modelPath: definition.modelPath,
          device,
          properties,
          gatherRows: kind.gatherRows,
          prefillChunk: prefillChunk(definition.weightsBytes),
          warmup: Int32Array.from(warmupSizes.filter((size) => size < definition.contextLength)),
          script: new Int32Array(0),
          scriptNumbers: new Int32Array(0),
        },
        { signal, onProgress, onWarning: warn },
      ),
      TextWorker.open(definition.text, signal ? { signal } : {}),
    ] as const
    try {
      const [engine, text] = await Promise.all(opening)
      return new LLM(definition, engine, text, options, warn)
    } catch (error) {
      for (const part of opening) part.then((opened) => opened.close()).catch(() => {})
      throw error
    }
  }

  private constructor(definition: ModelDefinition, engine: Engine, text: TextWorker, options: LoadOptions, warn: Warn) {
    const { generation } = definition
    const context = contextOf(definition, engine.info, options.contextLength)
    const stopTokenIds = [...new Set([...definition.stopTokenIds, ...text.eosTokenIds])].filter(
      (id) => id < engine.info.vocabularySize,
    )
    this.#defaults = mergeOptions<GenerationOptions>({ maxNewTokens: generation.maxNewTokens }, options.defaults ?? {})
    this.#context = {
      engine,
      text,
      warn,
      sampling: generation,
      contextLength: context.length,
      vocabularySize: engine.info.vocabularySize,
      stopTokenIds,
      stopWords: generation.stopStrings,
    }
    this.#info = modelInfo({
      definition,
      device: options.device ?? defaultDevice,
      ready: engine.info,
      context,
      stopTokenIds,
      stopWords: [...stopTokenIds.map((id) => tokenText(text, id)), ...generation.stopStrings],
    })
    if (generation.unsupported.length > 0) {
      warn(
        'generation-config',
        `generation_config.json asks for ${generation.unsupported.join(', ')}, which this version does not apply`,
      )
    }
    forgotten.register(this, () => void closeParts(engine, text), this)
  }

  /** What is known of the model; `memory` is measured anew on each read. */
  get info(): ModelInfo {
    return { ...this.#info, memory: { ...this.#info.memory, resident: process.memoryUsage.rss() } }
  }

  /**
   * Starts an answer at once and gives it as a stream of parts. `result` of what is returned is the whole answer.
   *
   * @throws TypeError for a prompt or options that are wrong; everything later rejects `result` and the iteration.
   * @throws LLMError `ERR_CLOSED`, `ERR_TOKEN_ID`.
   */
  stream(prompt: Prompt, options: GenerationOptions = {}): GenerationStream {
    check.checkOptions(options, generationRules, 'GenerationOptions')
    this.#checkOpen()
    const merged = mergeOptions(Array.isArray(prompt) ? this.#defaults : withoutChat(this.#defaults), options)
    const sampling = resolveSampling(merged, this.#context.sampling)
    const checked = checkPrompt(prompt, this.#context.vocabularySize, options)
    const site: { stack?: string } = {}
    Error.captureStackTrace(site, this.stream)
    return new GenerationStream({
      signal: merged.signal,
      onText: merged.onText,
      callSite: site.stack?.split('\n').slice(1).join('\n') ?? '',
      // Captures `this`: a model with a running request is not forgotten.
      start: (handler, signal) => startRequest(this.#context, checked, merged, sampling, handler, signal),
    })
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
   * The tokens of raw text, or of chat messages behind the chat template, exactly as a request would see them. The result can be given
   * as a prompt.
   */
  async tokenize(
    prompt: string | readonly ChatMessage[],
    options: Omit<ChatOptions, 'maxTokens'> = {},
  ): Promise<EncodedPrompt> {
    check.checkOptions(options, encodeRules, 'tokenize options')
    this.#checkOpen()
    const defaults = Array.isArray(prompt) ? this.#defaults : withoutChat(this.#defaults)
    const encode = encodeOptions(mergeOptions(defaults, options))
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
    this.#closing ??= closeParts(this.#context.engine, this.#context.text)
    return this.#closing
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#closing) throw new LLMError('ERR_CLOSED', 'the model has been closed')
  }
}

async function closeParts(engine: Engine, text: TextWorker): Promise<void> {
  await Promise.all([engine.close(), text.close()])
}

function tokenText({ tokens: { bytes, offsets } }: TextWorker, id: number): string {
  return new TextDecoder().decode(bytes.subarray(offsets[id], offsets[id + 1]))
}
