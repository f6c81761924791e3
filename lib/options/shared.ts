import type { GenerateAllOptions } from './batch.js'
import type { GenerationOptions } from './generation.js'

/** Options of a request that at least one kind of server takes. */
type SentOption =
  | 'maxNewTokens'
  | 'numReturnSequences'
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'minP'
  | 'typicalP'
  | 'seed'
  | 'stop'
  | 'stopTokenIds'
  | 'minNewTokens'
  | 'ignoreEos'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'repetitionPenalty'
  | 'logitBias'
  | 'logprobs'
  | 'skipSpecialTokens'
  | 'priority'
  | 'responseFormat'
  | 'reasoning'
  | 'tools'
  | 'toolChoice'
  | 'parallelToolCalls'
  | 'addGenerationPrompt'
  | 'continueFinalMessage'
  | 'chatTemplateKwargs'

/** Options of a request that act on this side of a connection. */
type OwnOption = 'timeout' | 'signal' | 'requestId' | 'filter' | 'onToken' | 'onText'

/** Those of {@link GenerationOptions} that go over HTTP as fields of a request. */
export type SentOptions = Pick<GenerationOptions, SentOption>

/**
 * Those of {@link GenerationOptions} that a loaded model and a connected one have in common. Of a connected one, each kind of server takes
 * some; an option that its server does not take is a TypeError.
 */
export type SharedOptions = Pick<GenerationOptions, SentOption | OwnOption>

/** Options of `generateAll` that a loaded model and a connected one have in common. */
export type SharedBatchOptions = Pick<
  GenerateAllOptions,
  Exclude<SentOption | OwnOption, 'requestId' | 'onToken' | 'onText'> | 'concurrency' | 'onProgress' | 'stopOnError'
>
