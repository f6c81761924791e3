import type { DeviceKind } from './table.js'

/**
 * Tokens of one prefill step. A step cannot be left, so a cancelled request holds up the next one for at most this many. Larger steps of the
 * paged runner are no faster on CPU, and OpenVINO 2026.4.1 keeps more than a megabyte for each number of rows above 256 that it has
 * computed once; a stateful step that finds a cache is slow (2,000 tokens in one step 3 s, in steps of 512 about 20 s). It depends on the
 * model alone, because another division of the prompt may change an answer in its last bits.
 */
export function prefillChunk(
  kind: Pick<DeviceKind, 'prefillChunk' | 'staticShapes'>,
  weightsBytes: number,
  runner: 'paged' | 'stateful',
): number {
  const largest = kind.prefillChunk[runner]
  if (kind.staticShapes) return largest
  const smallest = 64
  const fitting = 2 ** Math.floor(Math.log2(2 ** 38 / Math.max(1, weightsBytes)))
  return Math.min(largest, Math.max(smallest, fitting))
}
