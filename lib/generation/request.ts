import type { Grammar, Vocabulary } from '../engine/boundary.js'
import type { RequestHandler } from '../engine/engine.js'
import type { ResidentEngine } from '../engine/resident.js'
import { LLMError } from '../errors.js'
import { resolveBeams } from '../options/beams.js'
import { type GenerationOptions, generationDefaults } from '../options/generation.js'
import { resolveLogprobs } from '../options/logprobs.js'
import { resolveLookup } from '../options/prompt-lookup.js'
import type { TextRewrite } from '../options/rewrite.js'
import type { Sampling } from '../options/sampling.js'
import { Answer } from '../output/answer.js'
import { PromptLogprobs } from '../output/logprobs.js'
import type { EncodedPrompt } from '../text/prompt/encoded-prompt.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { Warn } from '../warnings.js'
import { type AnswerFormat, answerFormat, answerParsers } from './answer-parsers.js'
import { bindAnswer } from './bind-answer.js'
import { type CheckedPrompt, checkToken } from './prompt.js'
import type { RequestQueue } from './queue.js'
import { type ReasoningSwitch, reasoningSwitch } from './reasoning-switch.js'
import { locateRefusal } from './refusal.js'
import type { Submitted } from './stream.js'
import { resolveTokens, type TokenContext } from './token-options.js'
import { chatHistory, encodeOptions, warnIgnored, warnIgnoredTools } from './tokenize.js'

/** Options of a request, and what only this package sets. */
export interface ScoringRequest extends GenerationOptions {
  /** The first token of the prompt that `promptLogprobs` are given of, ≥ 1. Default 1. */
  promptLogprobsFrom?: number | undefined
  /** What every answer must conform to, from its first token on. */
  grammar?: Grammar | undefined
}

/** What a request needs of its model. */
export interface RequestContext {
  engine: Pick<ResidentEngine, 'ready'>
  text: TextWorker
  queue: RequestQueue
  contextLength: number
  /** Why it is not what config.json says, or ''. */
  contextReason: string
  /** Tokens of the longest prompt; Infinity where the context alone bounds it. */
  maxPrompt: number
  vocabularySize: number
  /** Sequences that are computed at once. */
  maxSequences: number
  /** Which runner computes them. */
  runner: string
  /** Whether prompt lookup works. */
  canDraft: boolean
  /** Whether one sequence can go on as several, as beams do. */
  canFork: boolean
  /** Whether answers can be bound to a grammar; false where the addon was built without Rust. */
  canConstrain: boolean
  /** End tokens of the model's files. */
  stopTokenIds: readonly number[]
  /** Stop words of the model's files. */
  stopWords: readonly string[]
  /** What becomes of each whole answer. */
  rewrite: TextRewrite | undefined
  warn: Warn
}

/** Most tokens that `drop-oldest` keeps free for an answer whose length was not given. */
const answerReserve = 256

/**
 * From a checked prompt to a request that the engine has: encode, fit into the context, submit.
 * @param options.maxNewTokens 0 only computes the prompt
 * @param begun when the caller called, by `performance.now()`
 */
export async function startRequest(
  context: RequestContext,
  prompt: CheckedPrompt,
  options: ScoringRequest,
  sampling: Sampling,
  handlers: readonly RequestHandler[],
  signal: AbortSignal,
  begun = performance.now(),
): Promise<Submitted> {
  const { stopTokens, stopWords } = stops(context, options)
  const wanted = resolveLogprobs(options)
  const format = answerFormat(context.text, prompt, options)
  const thinking = thinkingOf(context, prompt, options, format)
  const { tokens, text } = await encode(context, prompt, options, thinking.variables, signal)
  const { grammar, marks, binds } = await bindAnswer({
    text: context.text,
    prompt,
    options,
    format,
    rendered: text,
    grammar: options.grammar,
    budget: thinking.budget,
    canConstrain: context.canConstrain,
  })
  const answers = handlers.map(
    (_, index) =>
      new Answer(context.text.tokens, {
        stopWords,
        stopTokens,
        skipSpecialTokens: options.skipSpecialTokens ?? generationDefaults.skipSpecialTokens,
        logprobs: wanted.logprobs >= 0,
        continuation: prompt.kind !== 'chat' || options.continueFinalMessage === true,
        ...answerParsers(context.text, format, prompt, options, text),
        index,
      }),
  )
  signal.throwIfAborted()
  checkEncoded(context, prompt, tokens)
  if (tokens.length > context.maxPrompt) {
    throw new LLMError(
      'ERR_CONTEXT_LENGTH',
      `the prompt has ${tokens.length} tokens; the model was compiled for at most ${context.maxPrompt}: load it with a larger maxPromptLength`,
    )
  }
  const room = context.contextLength - tokens.length
  if (room < Math.min(options.maxNewTokens ?? 1, 1)) {
    throw new LLMError(
      'ERR_CONTEXT_LENGTH',
      `the prompt has ${tokens.length} tokens; the context has room for ${context.contextLength}` +
        `${context.contextReason && ` (${context.contextReason})`} and at least one is for the answer`,
    )
  }
  const tokenParams = await resolveTokens(tokenContext(context), options)
  signal.throwIfAborted()
  const tokenized = performance.now()
  const engine = await context.engine.ready()
  signal.throwIfAborted()
  const times = { tokenize: tokenized - begun, load: performance.now() - tokenized }
  if (binds) engine.learnVocabulary(() => vocabulary(context))
  const ids = engine.submit(
    tokens,
    {
      maxNewTokens: Math.min(options.maxNewTokens ?? room, room),
      stopTokenIds: Int32Array.from(stopTokens),
      priority: options.priority ?? generationDefaults.priority,
      ...lookup(context, options),
      ...wanted,
      ...sampling,
      minNewTokens: Math.max(sampling.minNewTokens, (options.minLength ?? 0) - tokens.length),
      ...resolveBeams(options),
      ...tokenParams,
      grammar,
      marks,
    },
    binds
      ? handlers.map((handler) => ({ ...handler, failed: (error) => handler.failed(locateRefusal(error, options)) }))
      : handlers,
  )
  const cancel = (index: number) => engine.cancel(ids[index] as number)
  const seed = sampling.temperature === 0 ? null : sampling.seed
  const promptLogprobs =
    wanted.promptLogprobs < 0 ? undefined : new PromptLogprobs(context.text.tokens, tokens, wanted.promptLogprobsFrom)
  return { answers, promptTokens: tokens.length, promptLogprobs, seed, times, cancel }
}

/** @throws LLMError `ERR_UNSUPPORTED_MODEL` when the model's engine cannot compute the beams of a request */
export function checkRunner(
  { canFork, maxSequences, runner }: Pick<RequestContext, 'canFork' | 'maxSequences' | 'runner'>,
  { numBeams = 1 }: GenerationOptions,
): void {
  const most = canFork ? maxSequences : 1
  if (numBeams <= most) return
  throw new LLMError(
    'ERR_UNSUPPORTED_MODEL',
    `numBeams is ${numBeams}, but the ${runner} engine of this model computes ${most === 1 ? 'no beams' : `at most ${most} at once (maxSequences)`}; numBeams: 1 asks for none`,
  )
}

/** What grammars need of the tokenizer: the ids that the model has. */
function vocabulary({ text, vocabularySize, stopTokenIds }: RequestContext): Vocabulary {
  const { bytes, offsets, special, size } = text.tokens
  const known = Math.min(size, vocabularySize)
  return {
    bytes: bytes.subarray(0, offsets[known]),
    offsets: offsets.subarray(0, known + 1),
    special: special.subarray(0, known),
    endTokens: Int32Array.from(stopTokenIds.filter((token) => token < known)),
  }
}

function tokenContext({ text, vocabularySize, stopTokenIds }: RequestContext): TokenContext {
  const { size, absent } = text.tokens
  return {
    vocabularySize,
    stopTokenIds,
    encodeWord: (word) => text.encodeWord(word),
    limit: size < vocabularySize ? size : 0,
    absent,
  }
}

/** The tokenizer may know ids that the model does not; those of a prompt of tokens were checked when it was given. */
function checkEncoded(context: RequestContext, prompt: CheckedPrompt, tokens: Int32Array): void {
  if (tokens.length === 0)
    throw new TypeError('expected a prompt of at least one token, received one that encodes to none')
  if (prompt.kind === 'tokens') return
  tokens.forEach((token, i) => {
    checkToken(token, context.vocabularySize, () => `token ${i} of the encoded prompt`)
  })
}

function lookup(context: RequestContext, options: GenerationOptions): ReturnType<typeof resolveLookup> {
  const wanted = resolveLookup(options.promptLookup)
  if (wanted.lookupTokens === 0 || context.canDraft) return wanted
  context.warn(
    'prompt-lookup',
    'promptLookup is ignored: it needs the paged engine, and llm.info.runner says which this is',
  )
  return resolveLookup(false)
}

function thinkingOf(
  { text }: RequestContext,
  prompt: CheckedPrompt,
  options: GenerationOptions,
  { reasoning }: AnswerFormat,
): ReasoningSwitch {
  if (prompt.kind !== 'chat') return { variables: {} }
  return reasoningSwitch(text.templateOf(encodeOptions(options)) ?? '', reasoning, options.reasoning)
}

async function encode(
  context: RequestContext,
  prompt: CheckedPrompt,
  options: GenerationOptions,
  variables: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Pick<EncodedPrompt, 'tokens' | 'text'>> {
  switch (prompt.kind) {
    case 'tokens':
      return { tokens: prompt.tokens, text: '' }
    case 'text':
      return await context.text.encodeText(prompt.text, { ...encodeOptions(options), signal })
    case 'chat': {
      const { contextLength } = context
      const reserve = Math.min(
        options.maxNewTokens ?? Math.min(answerReserve, Math.floor(contextLength / 4)),
        contextLength - 1,
      )
      const fit =
        options.contextOverflow === 'drop-oldest'
          ? { maxTokens: Math.min(contextLength - reserve, context.maxPrompt) }
          : {}
      const chatTemplateKwargs = { ...variables, ...options.chatTemplateKwargs }
      const chat = { ...encodeOptions(options), ...fit, chatTemplateKwargs, signal }
      const encoded = await context.text.encodeChat(chatHistory(context, prompt.messages, options), chat)
      warnIgnored(context, encoded)
      warnIgnoredTools(context, options, encoded)
      return encoded
    }
  }
}

/** Stop tokens and the stop words that are no single token. Ends of sequence of all files together: one list alone is often incomplete. */
function stops(context: RequestContext, options: GenerationOptions): { stopTokens: Set<number>; stopWords: string[] } {
  const stopTokens = new Set<number>(options.ignoreEos ? [] : context.stopTokenIds)
  for (const token of options.stopTokenIds ?? [])
    stopTokens.add(checkToken(token, context.vocabularySize, () => 'stopTokenIds'))
  const asked = typeof options.stop === 'string' ? [options.stop] : (options.stop ?? [])
  const stopWords = [...asked, ...(options.ignoreEos ? [] : context.stopWords)]
  for (const word of stopWords) {
    const token = context.text.addedTokenId(word)
    if (token !== undefined && token < context.vocabularySize) stopTokens.add(token)
  }
  return { stopTokens, stopWords }
}
