import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NativeCheck } from '#lib/engine/boundary.js'
import type { ConvertOptions } from '#lib/model/gguf/convert.js'

type RunJob = NonNullable<ConvertOptions['runJob']>

/** What comparing the runners finds on a model that is computed alike. */
const alike = { positions: 100, agreeing: 100, maxDifference: 0, deviation: 1, windows: [] }

/**
 * Stands for the native conversion and the check behind it: copies the graph of the tiny model. `before` runs first and may reject, as
 * `compare` may, whose result is the check's.
 */
export function fakeJob(
  before: (target: string, signal: AbortSignal | undefined) => Promise<void> | void = () => undefined,
  compare: (signal: AbortSignal | undefined, lengths: number[]) => Promise<NativeCheck> | NativeCheck = () => alike,
): RunJob {
  const job = async (
    kind: string,
    args: { source: string; target: string; lengths: Int32Array },
    options: { signal?: AbortSignal } = {},
  ) => {
    if (kind === 'check') return compare(options.signal, [...args.lengths])
    if (kind !== 'convert') throw new Error(`unexpected job ${kind}`)
    await before(args.target, options.signal)
    for (const name of ['openvino_model.xml', 'openvino_model.bin'])
      await copyFile(join('test', 'fixtures', 'ir', 'tiny-llama-fp32', name), join(args.target, name))
    return { vocabularySize: 10 }
  }
  return job as unknown as RunJob
}
