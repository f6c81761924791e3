import { type EncodeOptions, encodeTable } from './encode.js'
import { type GenerationOptions, generationTable } from './generation.js'
import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'
import { type WarmOptions, warmTable } from './warm.js'

/** Options of `llm.score`: those that shape the prompt, and those of waiting. */
export type ScoreOptions = WarmOptions

/** The options of `llm.score`. */
export const scoreTable = warmTable satisfies Table<ScoreOptions>

/** Options of `llm.perplexity`. */
export interface PerplexityOptions
  extends EncodeOptions,
    Pick<GenerationOptions, 'requestId' | 'priority' | 'timeout' | 'signal'> {
  /** Tokens of a window, ≥ 2 and at most the context of the model, which is the default. */
  context?: number | undefined
  /** How many tokens later the next window begins, from 1 to `context`. Default 512, or `context` when that is smaller. */
  stride?: number | undefined
}

const { bos, splitSpecialTokens } = encodeTable
const { requestId, priority, timeout, signal } = generationTable

/** The options of `llm.perplexity`. */
export const perplexityTable = {
  bos,
  splitSpecialTokens,
  context: check.integer(2),
  stride: { ...check.integer(1), default: 512 },
  requestId,
  priority,
  timeout,
  signal,
} as const satisfies Table<PerplexityOptions>

const { stride: defaultStride } = defaultsOf(perplexityTable)

/**
 * The windows' length and distance.
 * @throws TypeError when the windows are longer than the model's context, or leave out tokens between them
 */
export function resolveWindows(
  { context, stride }: Pick<PerplexityOptions, 'context' | 'stride'>,
  contextLength: number,
): { context: number; stride: number } {
  const length = context ?? contextLength
  if (length > contextLength) {
    throw new TypeError(
      `expected context to be at most ${contextLength}, the context of the loaded model, received ${length}`,
    )
  }
  const distance = stride ?? Math.min(defaultStride, length)
  if (distance > length) {
    throw new TypeError(`expected stride to be at most context, which is ${length}, received ${distance}`)
  }
  return { context: length, stride: distance }
}
