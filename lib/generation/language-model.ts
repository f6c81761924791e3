import type { ResponseFormat, ValueOf } from '../options/response-format.js'
import type { SharedBatchOptions, SharedOptions } from '../options/shared.js'
import type { ChatMessage } from '../text/template/messages.js'
import type { Prompts } from './generate-all.js'
import type { Prompt } from './prompt.js'
import type { GenerationResult } from './result.js'
import type { GenerationStream } from './stream.js'

/**
 * What a loaded model (`LLM.load`) and one behind a server (`LLM.connect`) have in common. Code that takes this type runs with either, and
 * an option that only a loaded model has does not compile.
 */
export interface LanguageModel extends AsyncDisposable {
  /** Starts an answer at once and gives it as a stream of parts. `result` of what is returned is the whole answer. */
  stream<const Format extends ResponseFormat>(
    prompt: Prompt,
    options: SharedOptions & { responseFormat: Format },
  ): GenerationStream & { readonly result: Promise<GenerationResult & ValueOf<Format>> }
  stream(prompt: Prompt, options?: SharedOptions): GenerationStream
  /** The whole answer: `stream(prompt, options).result`. */
  generate<const Format extends ResponseFormat>(
    prompt: Prompt,
    options: SharedOptions & { responseFormat: Format },
  ): Promise<GenerationResult & ValueOf<Format>>
  generate(prompt: Prompt, options?: SharedOptions): Promise<GenerationResult>
  /** The answers to many prompts, in their order. */
  generateAll(prompts: Prompts, options?: SharedBatchOptions): Promise<GenerationResult[]>
  /** The tokens of raw text, or of chat messages behind the chat template. */
  tokenize(
    prompt: string | readonly ChatMessage[],
    options?: Pick<SharedOptions, 'addGenerationPrompt'>,
  ): Promise<{ readonly tokens: Int32Array }>
  /** The text of tokens, special ones included. */
  detokenize(tokens: ArrayLike<number>): Promise<string>
  /** Ends running requests with `ERR_CLOSED`. Idempotent. */
  close(): Promise<void>
}
