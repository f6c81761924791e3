import type { DeviceKind } from './table.js'

/**
 * Tokens of one prefill step, ≥ 64 unless the kind of device has fewer. A step cannot be interrupted, so a cancelled request delays the
 * next one by at most one step: the larger the model, the fewer tokens.
 *
 * On CPU, larger steps of the paged runner are no faster, and OpenVINO 2026.4.1 keeps more than a megabyte for each number of rows above
 * 256 that it has computed once. A step of the stateful runner is slow once there is a cache: 2,000 tokens take 3 s in one step, and about
 * 20 s in steps of 512. The number depends on the model alone, never on measured time: a prompt that is divided differently may change
 * the last bits of an answer.
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
