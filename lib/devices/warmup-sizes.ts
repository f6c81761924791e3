import type { DeviceKind } from './table.js'

/** Kernels are made for each size, which no request should wait for, and guessing needs the costs. */
const few = [1, 4, 16]

/**
 * Numbers of tokens that the warm-up computes, all below `limit`.
 *
 * On a GPU those are all numbers of rows that a step of the paged engine has there, up to a chunk of a prompt beside the other sequences
 * (`rounded_rows` in native/engine/scheduling/step_rows.h): OpenVINO's plugin builds kernels for each.
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
  const sizes = pagedCache?.memory === 'device' && runner !== 'stateful' ? coarse(chunk + maxSequences) : few
  return sizes.filter((size) => size < limit)
}

/** 1, 2, 4, 8, 16, then four per octave and none further apart than 128, up to the first that is at least `most`. */
function coarse(most: number): number[] {
  const sizes = [1]
  for (let last = 1; last < most; sizes.push(last))
    last += last < 16 ? last : Math.min(128, 2 ** Math.floor(Math.log2(last)) / 4)
  return sizes
}
