import { LLMError } from '../errors.js'
import { LLM } from '../llm.js'
import { encodeTable } from '../options/encode.js'
import { type GenerationOptions, generationTable } from '../options/generation.js'
import { fromRenamed, type Renamed, renamed } from '../options/hugging-face.js'
import type { LoadOptions } from '../options/load.js'
import * as check from '../options/rules.js'
import { optionsOf } from '../options/table.js'
import type { ChatMessage } from '../text/template/messages.js'

/**
 * Options of one call, named as transformers names them. Those of {@link GenerationOptions} that transformers has too mean the same here:
 * `max_new_tokens`, `do_sample`, `temperature`, `top_k`, `top_p`, `seed`, `stop_strings`, `skip_special_tokens`, …; a temperature has no
 * effect when `do_sample` is false.
 */
export interface PipelineOptions extends Omit<Renamed, 'eos_token_id' | 'max_new_tokens' | 'continue_final_message'> {
  /** Most tokens of the answer, ≥ 1. Default 256, as in the text-generation pipeline of transformers. Wins over `max_length`. */
  max_new_tokens?: number
  /** Most tokens of prompt and answer together, ≥ 1. */
  max_length?: number
  /** Token ids that end the answer, beside the model's own (in transformers they replace those). */
  eos_token_id?: number | readonly number[]
  /** Whether `generated_text` holds the prompt too. Default true. */
  return_full_text?: boolean
  /** Whether the answer continues the last message. By default it does when that is the assistant's. Messages only. */
  continue_final_message?: boolean
}

/** One generated sequence: a string, or for messages with `return_full_text` all messages with the answer at the end. */
export interface Generated<T extends string | ChatMessage[] = string | ChatMessage[]> {
  generated_text: T
}

type Chat = readonly ChatMessage[]
type AnswerOnly = PipelineOptions & { return_full_text: false }
type FullText = PipelineOptions & { return_full_text?: true }

/** What {@link pipeline} resolves to. Several inputs give a list with the result of each, in their order. */
export interface TextGenerationPipeline extends AsyncDisposable {
  (input: string, options?: PipelineOptions): Promise<[Generated<string>]>
  (input: Chat, options: AnswerOnly): Promise<[Generated<string>]>
  (input: Chat, options?: FullText): Promise<[Generated<ChatMessage[]>]>
  (input: Chat, options?: PipelineOptions): Promise<[Generated]>
  (input: readonly string[], options?: PipelineOptions): Promise<[Generated<string>][]>
  (input: readonly Chat[], options: AnswerOnly): Promise<[Generated<string>][]>
  (input: readonly Chat[], options?: FullText): Promise<[Generated<ChatMessage[]>][]>
  (input: readonly Chat[], options?: PipelineOptions): Promise<[Generated][]>
  /** The model that it runs on. */
  readonly model: LLM
  /** Closes the model. */
  dispose(): Promise<void>
}

const { maxNewTokens, stopTokenIds } = generationTable

const pipelineRules: Readonly<Record<keyof PipelineOptions, check.Rule>> = {
  ...(Object.fromEntries(renamed.map(({ ours, theirs }) => [theirs, generationTable[ours]])) as Record<
    keyof Renamed,
    check.Rule
  >),
  max_length: maxNewTokens,
  eos_token_id: check.either(check.integer(0), stopTokenIds),
  return_full_text: check.boolean,
}

/** transformers' default of the task. */
const defaultMaxNewTokens = 256

/**
 * A model behind the interface that transformers has for text generation, for those who come from there:
 *
 *     const pipe = await pipeline('text-generation', './phi-3-mini-int4')
 *     const output = await pipe(messages, { max_new_tokens: 500, return_full_text: false, temperature: 0.0, do_sample: false })
 *     console.log(output[0].generated_text)
 *
 * @param task 'text-generation' is the only one
 * @param model a model folder or a .gguf file, as for `LLM.load`
 * @param options of `LLM.load`
 * @throws TypeError for another task or wrong options; LLMError as `LLM.load`
 */
export async function pipeline(
  task: 'text-generation',
  model: string | URL,
  options: LoadOptions = {},
): Promise<TextGenerationPipeline> {
  if (task !== 'text-generation')
    throw new TypeError(`expected task to be 'text-generation', received ${check.describe(task)}`)
  const llm = await LLM.load(model, options)
  const call = (input: unknown, callOptions: PipelineOptions = {}) => generate(llm, input, callOptions)
  const close = () => llm.close()
  return Object.assign(call, { model: llm, dispose: close, [Symbol.asyncDispose]: close }) as TextGenerationPipeline
}

async function generate(llm: LLM, input: unknown, options: PipelineOptions): Promise<[Generated] | [Generated][]> {
  check.checkOptions(options, pipelineRules, 'pipeline options')
  if (options.do_sample === true && options.temperature === 0) {
    throw new TypeError('expected temperature above 0 with do_sample: true, received 0; leave out one of them')
  }
  const inputs = several(input)
  if (!inputs) return generateOne(llm, input, options)
  // One failure ends the other requests: nobody would get their answers.
  const failed = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
  try {
    return await Promise.all(inputs.map((one) => generateOne(llm, one, { ...options, signal })))
  } catch (error) {
    failed.abort(error)
    throw error
  }
}

/** The inputs when there are several: an array of strings or of message lists, where a message list is an array of objects. */
function several(input: unknown): readonly unknown[] | undefined {
  if (!Array.isArray(input)) return undefined
  const kinds = new Set(
    input.map((one) => (Array.isArray(one) ? 'message lists' : typeof one === 'string' ? 'strings' : 'messages')),
  )
  if (kinds.size > 1)
    throw new TypeError(`expected an array of strings, messages or message lists, received ${[...kinds].join(' and ')}`)
  return kinds.has('messages') || kinds.size === 0 ? undefined : input
}

async function generateOne(llm: LLM, input: unknown, options: PipelineOptions): Promise<[Generated]> {
  if (typeof input !== 'string' && !Array.isArray(input)) {
    throw new TypeError(
      `expected input to be a string, an array of messages, or an array of these, received ${check.describe(input)}`,
    )
  }
  const full = options.return_full_text ?? true
  if (typeof input === 'string') {
    const { text } = await llm.generate(input, await requestOptions(llm, input, options))
    return [{ generated_text: full ? input + text : text }]
  }
  const messages: ChatMessage[] = input
  const last = messages.at(-1)
  const continues = options.continue_final_message ?? last?.role === 'assistant'
  const request = await requestOptions(llm, messages, {
    ...options,
    ...(continues ? { continue_final_message: true } : {}),
  })
  const { text } = await llm.generate(messages, request)
  if (!full) return [{ generated_text: text }]
  if (!continues) return [{ generated_text: [...messages, { role: 'assistant', content: text }] }]
  return [
    {
      generated_text: [
        ...messages.slice(0, -1),
        { ...last, role: 'assistant', content: extended(last?.content, text) },
      ],
    },
  ]
}

function extended(content: ChatMessage['content'], text: string): NonNullable<ChatMessage['content']> {
  return Array.isArray(content) ? [...content, { type: 'text', text }] : `${content ?? ''}${text}`
}

/** The options of a call as those of `LLM.generate`, which leaves out what is undefined. */
async function requestOptions(llm: LLM, input: string | Chat, options: PipelineOptions): Promise<GenerationOptions> {
  const { eos_token_id: ends, max_new_tokens: most, max_length: length } = options
  const same = fromRenamed({ ...options, eos_token_id: typeof ends === 'number' ? [ends] : ends })
  if (most !== undefined) return same
  const maxNewTokens = length === undefined ? defaultMaxNewTokens : await roomFor(llm, input, length, same)
  return { ...same, maxNewTokens }
}

/** Tokens that `max_length` leaves for the answer. */
async function roomFor(llm: LLM, input: string | Chat, length: number, options: GenerationOptions): Promise<number> {
  const { tokens } = await llm.tokenize(input, optionsOf(options, encodeTable))
  if (tokens.length < length) return length - tokens.length
  throw new LLMError(
    'ERR_CONTEXT_LENGTH',
    `the prompt has ${tokens.length} tokens, and max_length ${length} leaves none for the answer`,
  )
}
