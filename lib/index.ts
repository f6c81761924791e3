export { type Device, type DevicesOptions, devices } from './devices/list.js'
export type { Health } from './engine/health.js'
export type { ModelFailure, ModelResidency, Residency } from './engine/resident.js'
export { type ErrorCode, errorCodes, LLMError } from './errors.js'
export type {
  RequestEnd,
  RequestError,
  RequestFirstToken,
  RequestReprefill,
  RequestStart,
} from './generation/diagnostics.js'
export type { Prompts } from './generation/generate-all.js'
export type { LanguageModel } from './generation/language-model.js'
export type { Prompt } from './generation/prompt.js'
export type { FinishedAnswer, FinishReason, GenerationResult, Timings, Usage, WarmResult } from './generation/result.js'
export type { GenerationStream } from './generation/stream.js'
export type { ChatInfo, ModelInfo, ModelYamlInfo } from './info.js'
export {
  type Generated,
  type PipelineOptions,
  pipeline,
  type TextGenerationPipeline,
} from './integrations/pipeline.js'
export {
  type RunnableTool,
  type RunToolsOptions,
  type RunToolsResult,
  runTools,
} from './integrations/run-tools.js'
export { LLM } from './llm.js'
export { estimate, type MemoryEstimate } from './loading/estimate.js'
export type { Metrics } from './metrics.js'
export { type ConvertOptions, convert } from './model/convert.js'
export type { Verdict } from './model/verdict.js'
export type { Download, ModelYaml, YamlLoadOptions } from './model-yaml/settings.js'
export type { BatchProgress, GenerateAllOptions } from './options/batch.js'
export type { ConnectOptions, ServerKind } from './options/connect.js'
export type { DefaultsSource, GenerationDefaults } from './options/defaults.js'
export type { BosPolicy, ChatOptions, EncodeOptions } from './options/encode.js'
export type { EstimateOptions } from './options/estimate.js'
export type { FilterContext, FilterResult, TextFilter } from './options/filter.js'
export type { GenerationOptions, ReprefillProgress, RequestDefaults } from './options/generation.js'
export type { ActivationQuantization, CpuKernel } from './options/kernels.js'
export type { LoadOptions, LoadProgress, ModelWarning } from './options/load.js'
export type { LoadSettings, LoadSource } from './options/load-settings.js'
export type { LogprobsOptions } from './options/logprobs.js'
export type { PromptLookup } from './options/prompt-lookup.js'
export type { ReasoningLevel, ReasoningOptions, ReasoningParser } from './options/reasoning.js'
export type {
  JsonSchema,
  ResponseFormat,
  ResponseFormatOptions,
  StandardResult,
  StandardSchema,
  ValueOf,
} from './options/response-format.js'
export type { TextRewrite } from './options/rewrite.js'
export type { SamplingOptions } from './options/sampling.js'
export type { PerplexityOptions, ScoreOptions } from './options/scoring.js'
export type { SentOptions, SharedBatchOptions, SharedOptions } from './options/shared.js'
export type { LogitBias, TokenSequence } from './options/token-lists.js'
export type { FunctionTool, Tool, ToolCallOptions, ToolCallParser, ToolOptions } from './options/tools.js'
export type { WarmOptions } from './options/warm.js'
export type { LikelyToken, PromptLogprob, TokenLogprob } from './output/logprobs.js'
export type {
  ObjectPart,
  ReasoningPart,
  StreamPart,
  TextPart,
  ToolCall,
  ToolCallDeltaPart,
  ToolCallPart,
  ToolCallStartPart,
} from './output/parts.js'
export { type ResolvedReference, type ResolveOptions, resolveModel } from './references/resolve-model.js'
export type { ConnectedModel, ConnectedModelInfo } from './remote/connected-model.js'
export type { Perplexity } from './scoring/perplexity.js'
export type { Continuation, ContinuationScore } from './scoring/score.js'
export type { EncodedPrompt } from './text/prompt/encoded-prompt.js'
export type { CalledTool, ChatMessage } from './text/template/messages.js'
export { packageVersion as version } from './version.js'
