import * as check from './rules.js'
import type { Table } from './table.js'

/** Which log-probabilities an answer comes with. */
export interface LogprobsOptions {
  /**
   * Log-probabilities of the tokens of the answer: `true` of these alone, a number from 0 to 20 also of so many likeliest tokens for each
   * place. Default false.
   */
  logprobs?: boolean | number | undefined
  /**
   * What they are of: `raw`, the model's own distribution; or `processed`, what the token was drawn from after all penalties, bans,
   * temperature and truncation. Default `raw`.
   */
  logprobsOf?: 'raw' | 'processed' | undefined
  /** The same as `logprobs` for the tokens of the prompt, always `raw`. The prompt is then computed anew, without the cache. Default false. */
  promptLogprobs?: boolean | number | undefined
}

const wanted = check.either(check.boolean, check.integer(0, 20))

/** The options of log-probabilities. */
export const logprobsTable = {
  logprobs: {
    ...wanted,
    default: false,
    flag: { value: '<n>', help: 'log-probabilities, and those of n likely tokens', rare: true, json: true },
  },
  logprobsOf: {
    ...check.oneOf('raw', 'processed'),
    default: 'raw',
    flag: { value: '<what>', help: 'raw or processed', rare: true, json: true },
  },
  promptLogprobs: {
    ...wanted,
    default: false,
    flag: { value: '<n>', help: 'the same as --logprobs for the prompt', rare: true, json: true },
  },
} as const satisfies Table<LogprobsOptions>

/** The addon's fields of log-probabilities. */
export interface NativeLogprobsParams {
  logprobs: number
  processedLogprobs: boolean
  promptLogprobs: number
  promptLogprobsFrom: number
}

/** Of a request without any. */
export const noLogprobs: NativeLogprobsParams = {
  logprobs: -1,
  processedLogprobs: false,
  promptLogprobs: -1,
  promptLogprobsFrom: 1,
}

const top = (value: boolean | number | undefined): number => (typeof value === 'number' ? value : value ? 0 : -1)

/** Log-probabilities as a request asks for them. */
export function resolveLogprobs({
  logprobs,
  logprobsOf,
  promptLogprobs,
  promptLogprobsFrom = noLogprobs.promptLogprobsFrom,
}: LogprobsOptions & { promptLogprobsFrom?: number | undefined }): NativeLogprobsParams {
  return {
    promptLogprobsFrom,
    logprobs: top(logprobs),
    processedLogprobs: logprobsOf === 'processed',
    promptLogprobs: top(promptLogprobs),
  }
}

/**
 * @param options what the request sets
 * @param merged the same over all defaults
 * @throws TypeError when it says what log-probabilities are of, and there are none
 */
export function checkLogprobs(options: LogprobsOptions, merged: LogprobsOptions): void {
  if (options.logprobsOf === undefined || top(merged.logprobs) >= 0) return
  throw new TypeError(
    `expected logprobs to be true or a number with logprobsOf: '${options.logprobsOf}', received ${check.describe(merged.logprobs)}`,
  )
}
