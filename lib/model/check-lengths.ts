import type { Border } from './attention-borders.js'

/** Prompts of a check. */
export interface CheckPlan {
  /** Of the prompts, ascending, in tokens. */
  lengths: number[]
  /** Borders within the context that no prompt goes beyond, because that would cost too much. */
  beyond: Border[]
}

/** Without a border: the longer one takes several blocks and steps. */
const [shorter, longer] = [24, 80]
/** At least so many tokens beyond a border, or a quarter of it: what a window hides must weigh something beside what it shows. */
const leastBeyond = 48
/** Tokens of all prompts together. Both engines compute them, in f32. */
const mostTokens = 6144
const mostPrompts = 6

/**
 * Lengths below and beyond every border that the context lets be reached. A prompt is compared at each of its positions, so the longest is
 * chosen first.
 */
export function planCheck(borders: readonly Border[], contextLength: number): CheckPlan {
  const reached = borders.filter(({ tokens }) => tokens < contextLength)
  const least = Math.min(...reached.map(({ tokens }) => tokens))
  const short = Math.min(shorter, Number.isFinite(least) ? Math.ceil(least / 2) : shorter)
  const lengths = new Set([short, longer].map((length) => Math.min(length, contextLength)))
  let left = mostTokens - short - longer
  for (const { tokens } of [...reached].sort((a, b) => b.tokens - a.tokens)) {
    const wanted = Math.min(tokens + Math.max(leastBeyond, Math.ceil(tokens / 4)), contextLength)
    const enough = Math.min(tokens + leastBeyond, contextLength)
    if (wanted <= longer || enough > left || lengths.size >= mostPrompts) continue
    const length = Math.min(wanted, left)
    lengths.add(length)
    left -= length
  }
  const sorted = [...lengths].sort((a, b) => a - b)
  const longest = sorted.at(-1) ?? 0
  return { lengths: sorted, beyond: reached.filter(({ tokens }) => tokens >= longest) }
}
