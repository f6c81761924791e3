import type { NativeTimings } from '../native/addon.js'

/** Why an answer ended: a stop token or stop word, `maxNewTokens` or the context, or the caller. */
export type FinishReason = 'stop' | 'length' | 'cancelled'

/** Tokens of a request. */
export interface Usage {
  promptTokens: number
  completionTokens: number
  totalTokens: number
  /** Prompt tokens that were in the KV cache already and were not computed again. */
  cachedTokens: number
}

/** Times of a request in milliseconds. */
export interface Timings {
  /** Rendering and tokenizing the prompt, waiting for the text worker included. */
  tokenize: number
  /** Waiting for the engine. */
  queued: number
  /** Computing the prompt, up to the first token. */
  prefill: number
  /** From the first token to the last. */
  decode: number
  /** From the call to the first token (TTFT): the three above together. */
  timeToFirstToken: number
  /** Mean time per output token after the first (TPOT); 0 when there is none. */
  timePerOutputToken: number
  /** Output tokens per second of decoding; 0 when there is none after the first. */
  tokensPerSecond: number
}

/** A finished answer. */
export interface GenerationResult {
  /** Without stop words and, by default, special tokens. */
  text: string
  /** What the model generated, the token that stopped it included. */
  tokens: number[]
  finishReason: FinishReason
  usage: Usage
  timings: Timings
}

/** @param computed how many tokens the engine sampled; more than the answer has when a stop word was found late. */
export function timingsOf(tokenize: number, native: NativeTimings, computed: number): Timings {
  const { queued, prefill, decode } = native
  const perToken = computed > 1 ? decode / (computed - 1) : 0
  return {
    tokenize,
    queued,
    prefill,
    decode,
    timeToFirstToken: tokenize + queued + prefill,
    timePerOutputToken: perToken,
    tokensPerSecond: perToken > 0 ? 1000 / perToken : 0,
  }
}
