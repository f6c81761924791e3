import type { DeviceKind } from './table.js'

/** Kernels are made for each size, which no request should wait for, and guessing needs the costs. */
const few = [1, 4, 16]

/** Computing every size up to a chunk of 1,024 would take as long as a prompt of 7,000 tokens; these take as long as one of 760. */
const mostPromptRows = 128

/**
 * Numbers of tokens that the warm-up computes, all below `limit`.
 *
 * On a GPU those are the numbers of rows that steps of the paged engine have there (`rounded_rows` in
 * native/engine/scheduling/step_rows.h), because OpenVINO's plugin builds kernels for each: all that sequences have which decode, and those
 * of short prompts. Kernels for longer ones are built beside the steps that bring them.
 * @param chunk most prompt tokens of a step
 */
export function warmupSizes(
  { pagedCache }: Pick<DeviceKind, 'pagedCache'>,
  {
    runner,
    chunk,
    maxSequences,
    limit,
  }: { runner: 'auto' | 'paged' | 'stateful'; chunk: number; maxSequences: number; limit: number },
): number[] {
  const sizes =
    pagedCache?.memory === 'device' && runner !== 'stateful'
      ? coarse(Math.min(chunk + maxSequences, Math.max(maxSequences, mostPromptRows)))
      : few
  return sizes.filter((size) => size < limit)
}

/** 1, 2, 4, 8, 16, then four per octave and none further apart than 128, up to the first that is at least `most`. */
function coarse(most: number): number[] {
  const sizes = [1]
  for (let last = 1; last < most; sizes.push(last))
    last += last < 16 ? last : Math.min(128, 2 ** Math.floor(Math.log2(last)) / 4)
  return sizes
}
