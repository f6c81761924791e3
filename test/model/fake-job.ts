import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConvertOptions } from '#lib/model/gguf/convert.js'

type RunJob = NonNullable<ConvertOptions['runJob']>

/** Stands for the native conversion: copies the graph of the tiny model. `before` runs first and may reject. */
export function fakeJob(
  before: (target: string, signal: AbortSignal | undefined) => Promise<void> | void = () => undefined,
): RunJob {
  const job = async (
    kind: string,
    args: { source: string; target: string },
    options: { signal?: AbortSignal } = {},
  ) => {
    if (kind !== 'convert') throw new Error(`unexpected job ${kind}`)
    await before(args.target, options.signal)
    for (const name of ['openvino_model.xml', 'openvino_model.bin'])
      await copyFile(join('test', 'fixtures', 'ir', 'tiny-llama-fp32', name), join(args.target, name))
    return { vocabularySize: 10 }
  }
  return job as unknown as RunJob
}
