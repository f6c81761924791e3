import * as check from './rules.js'

/** What a filter knows beside the text. */
export interface FilterContext {
  requestId: string
  /** Which answer of the request, from 0. Each answer is filtered by itself. */
  index: number
  /** Whether this is the last call for the answer; `hold` has no effect then. The text may be empty. */
  done: boolean
  /** What has been let through of this answer so far, as the filter made it. */
  before: string
  /** Aborts when nobody waits for the answer any more: pass it on to what the filter calls. */
  signal: AbortSignal
}

/**
 * What becomes of a text.
 * - a string replaces it; nothing, or an empty object, lets it through as it is.
 * - `hold`: so many of its last UTF-16 units (all when there are fewer) come again, at the start of the next text. `text` then replaces
 *   only what stands before them.
 * - `stop`: the answer ends here with finishReason `content-filter`, and its computation stops. `text`, '' by default, stands for the text.
 */
export type FilterResult =
  | string
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement gives it
  | void
  | { text?: string | undefined; hold?: number | undefined; stop?: false | undefined }
  | { text?: string | undefined; stop: true }

/** Sees the text of an answer before anybody else does, and says what becomes of it. */
export type TextFilter = (text: string, context: FilterContext) => FilterResult | Promise<FilterResult>

/** A result with nothing left open. */
export interface Verdict {
  text: string
  /** UTF-16 units of the filter's input that come again. */
  hold: number
  stop: boolean
}

/**
 * What a filter wants.
 * @param input what it was given
 * @param done whether nothing more comes
 * @throws TypeError for anything but a {@link FilterResult}
 */
export function readFilterResult(result: unknown, input: string, done: boolean): Verdict {
  if (result === undefined) return { text: input, hold: 0, stop: false }
  if (typeof result === 'string') return { text: result, hold: 0, stop: false }
  check.checkOptions(result, resultTable, 'the result of filter')
  const { text, hold: wanted = 0, stop = false } = result as { text?: string; hold?: number; stop?: boolean }
  if (stop) return { text: text ?? '', hold: 0, stop }
  const hold = done ? 0 : Math.min(wanted, input.length)
  if (text !== undefined) return { text, hold, stop }
  const end = wholeCharacters(input, input.length - hold)
  return { text: input.slice(0, end), hold: input.length - end, stop }
}

const resultTable = {
  text: check.string,
  hold: check.either(check.integer(0), check.infinity),
  stop: check.boolean,
}

/** An end at or before `end` that parts no surrogate pair. */
function wholeCharacters(text: string, end: number): number {
  const code = text.codePointAt(end - 1) ?? 0
  return code > 0xffff ? end - 1 : end
}
