import type { NativeFinishReason, NativeTimings } from '../engine/boundary.js'
import type { Answer } from '../output/answer.js'
import type { AnswerContent } from '../output/content.js'
import type { FilteredAnswer } from '../output/filtered-answer.js'
import type { PromptLogprob, PromptLogprobs, TokenLogprob } from '../output/logprobs.js'
import type { ToolCall } from '../output/parts.js'

/**
 * Why an answer ended: `stop`, a stop token or stop word; `length`, maxNewTokens or the context; `cancelled`, the caller;
 * `content-filter`, the option `filter`; `tool-calls`, the model wants tools to be called.
 */
export type FinishReason = 'stop' | 'length' | 'cancelled' | 'content-filter' | 'tool-calls'

/** Tokens of a request. */
export interface Usage {
  promptTokens: number
  /** Of all answers together. */
  completionTokens: number
  /** Of those, the tokens that say something of the reasoning. */
  reasoningTokens: number
  totalTokens: number
  /** Prompt tokens that were in the KV cache already and were not computed again. */
  cachedTokens: number
  /** Tokens that were guessed by prompt lookup or a draft model, and how many of those were right. */
  draftTokens: number
  acceptedTokens: number
}

/** Times of a request in milliseconds. */
export interface Timings {
  /** From the call until the prompt was tokens: checking, rendering and tokenizing it, and waiting for the text worker. */
  tokenize: number
  /** Waiting until the model was loaded again because it was idle or its engine had died; next to 0 when it was loaded. */
  load: number
  /** Waiting in the engine until the first step of this request began. */
  queued: number
  /** Computing the prompt, up to the first token. */
  prefill: number
  /** From the first token to the last. */
  decode: number
  /** Of `decode`: computing the answer again with the long LongRoPE factors; 0 when it did not outgrow the short ones. */
  reprefill: number
  /** From the call to the first token (TTFT): `tokenize`, `load`, `queued` and `prefill` together. */
  timeToFirstToken: number
  /** Mean time per output token after the first (TPOT); 0 when there is none. */
  timePerOutputToken: number
  /** Output tokens per second of decoding; 0 when there is none after the first. */
  tokensPerSecond: number
}

/** Of {@link Timings}, what was spent before the engine had the request. */
export type PreparationTimes = Pick<Timings, 'tokenize' | 'load'>

/** One answer to a prompt. */
export interface FinishedAnswer {
  /** Without stop words and, by default, special tokens; with a filter, what it let through. */
  text: string
  /** What the model thought before it answered; '' when it did not, or when its format is not known. */
  reasoningText: string
  /** The tool calls that are complete. A call that the end of the answer cut is none. */
  toolCalls: ToolCall[]
  /** What the model generated, the token that stopped it included. A filter changes no tokens; where it stops, those of that text are left out. */
  tokens: number[]
  finishReason: FinishReason
  /** The stop word or the id of the stop token that ended it; `'grammar'` when nothing could follow in its grammar; null when something else did. */
  stoppedBy: string | number | null
  /**
   * Of a beam search: the sum of the tokens' log-probabilities, after penalties and bans, over their number to the power of lengthPenalty. A
   * stop word that was found in the finished answer does not change it.
   */
  score?: number
  /** With the option `logprobs`: one for each of `tokens`. */
  logprobs?: TokenLogprob[]
}

/** What a request came to; `text`, `tokens`, `finishReason` and `timings` are those of its first answer. */
export interface GenerationResult extends FinishedAnswer {
  /** The id of the request: the one it was given, else one that was made for it. */
  requestId: string
  /** All answers, `numReturnSequences` of them, in their order. */
  answers: FinishedAnswer[]
  /** Repeats the answers as the option `seed`; answer i was drawn with seed + i. Null when nothing was drawn. */
  seed: number | null
  /** With the option `promptLogprobs`: one for each token of the prompt. */
  promptLogprobs?: PromptLogprob[]
  usage: Usage
  timings: Timings
}

/** What the engine reported of one answer. */
export interface AnswerProgress {
  /** Tokens that were sampled; more than the answer has when a stop word was found late. */
  computed: number
  /** Of a beam search. */
  score?: number
  /** Absent while it goes on, and when it was left before it had begun. */
  end?: { reason: NativeFinishReason | 'content-filter'; timings: NativeTimings }
}

const noTimings: NativeTimings = {
  queued: 0,
  prefill: 0,
  decode: 0,
  reprefill: 0,
  cachedTokens: 0,
  draftTokens: 0,
  acceptedTokens: 0,
}

type Content = Pick<AnswerContent, 'text' | 'reasoningText' | 'toolCalls' | 'tokens' | 'logprobs'>

/**
 * All answers of a request together.
 * @param parts at least one; without `answer` for those that never began, with `filtered` for those that went through a filter
 */
export function resultOf(
  requestId: string,
  parts: readonly (AnswerProgress & {
    answer: (Content & Pick<Answer, 'stopped' | 'stoppedBy' | 'reasoningTokens'>) | undefined
    filtered?: (Content & Pick<FilteredAnswer, 'stopped' | 'done'>) | undefined
  })[],
  request: {
    promptTokens: number
    /** When the answers do not show all of their tokens. */
    completionTokens?: number | undefined
    seed: number | null
    promptLogprobs?: PromptLogprobs | undefined
    times: PreparationTimes
  },
): GenerationResult {
  const answers = parts.map(({ answer, filtered, end, score }): FinishedAnswer => {
    const { text = '', reasoningText = '', toolCalls = [], tokens = [], logprobs } = filtered ?? answer ?? {}
    const scored = { ...(score !== undefined && { score }), ...(logprobs && { logprobs }) }
    const output = { text, reasoningText, toolCalls, tokens, ...scored }
    if (filtered?.stopped) return { ...output, finishReason: 'content-filter', stoppedBy: null }
    // The caller left before the filter had seen the end.
    if (filtered?.done === false) return { ...output, finishReason: 'cancelled', stoppedBy: null }
    const native = end?.reason ?? 'cancelled'
    const reason = answer?.stopped || native === 'grammar' ? 'stop' : native
    const finishReason = reason === 'stop' && toolCalls.length > 0 ? 'tool-calls' : reason
    return { ...output, finishReason, stoppedBy: answer?.stoppedBy ?? (native === 'grammar' ? 'grammar' : null) }
  })
  const timings = parts.map(({ end }) => end?.timings ?? noTimings)
  const first = timings[0] as NativeTimings
  const { promptTokens, seed, promptLogprobs, times } = request
  const { completionTokens = sum(answers.map(({ tokens }) => tokens.length)) } = request
  return {
    requestId,
    ...(answers[0] as FinishedAnswer),
    answers,
    seed,
    ...(promptLogprobs && { promptLogprobs: promptLogprobs.list }),
    usage: {
      promptTokens,
      completionTokens,
      reasoningTokens: sum(parts.map(({ answer }) => answer?.reasoningTokens ?? 0)),
      totalTokens: promptTokens + completionTokens,
      cachedTokens: first.cachedTokens,
      draftTokens: sum(timings.map(({ draftTokens }) => draftTokens)),
      acceptedTokens: sum(timings.map(({ acceptedTokens }) => acceptedTokens)),
    },
    timings: timingsOf(
      times,
      first,
      request.completionTokens === undefined ? (parts[0]?.computed ?? 0) : completionTokens / answers.length,
    ),
  }
}

function timingsOf(
  { tokenize, load }: PreparationTimes,
  { queued, prefill, decode, reprefill }: NativeTimings,
  computed: number,
): Timings {
  const perToken = computed > 1 ? decode / (computed - 1) : 0
  return {
    tokenize,
    load,
    queued,
    prefill,
    decode,
    reprefill,
    timeToFirstToken: tokenize + load + queued + prefill,
    timePerOutputToken: perToken,
    tokensPerSecond: perToken > 0 ? 1000 / perToken : 0,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** What `llm.warm` did. */
export interface WarmResult {
  requestId: string
  promptTokens: number
  /** Of those, how many were in the KV cache already. */
  cachedTokens: number
  /** Milliseconds. */
  timings: Pick<Timings, 'tokenize' | 'load' | 'queued' | 'prefill'>
}

/** A result without an answer. */
export function warmResult({ requestId, usage, timings }: GenerationResult): WarmResult {
  const { tokenize, load, queued, prefill } = timings
  return {
    requestId,
    promptTokens: usage.promptTokens,
    cachedTokens: usage.cachedTokens,
    timings: { tokenize, load, queued, prefill },
  }
}
