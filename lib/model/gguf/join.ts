import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { requireSpace, writeAll } from '../../disk-space.js'
import type { JobProgress } from '../../engine/job.js'
import { LLMError } from '../../errors.js'
import { fileError } from '../../file-error.js'
import { requireFile } from '../model-file.js'
import { runFilesTask } from './files-thread.js'
import type { JoinPlan } from './join-plan.js'

/** Bytes that are copied at once. */
const stepBytes = 8 * 2 ** 20

export interface JoinOptions {
  signal?: AbortSignal | undefined
  /** Stage `join`, in bytes. */
  onProgress?: ((progress: JobProgress) => void) | undefined
}

/**
 * Writes the parts of a split GGUF into one file: OpenVINO reads no parts.
 *
 * @param parts paths, in order
 * @param target must not exist; removed again when this fails
 * @throws LLMError ERR_MODEL_NOT_FOUND for a part that is missing, ERR_MODEL_INVALID for parts that do not belong together, ERR_DISK_FULL;
 * what the file system says of `target`; `signal.reason` when aborted
 */
export async function joinParts(parts: readonly string[], target: string, options: JoinOptions = {}): Promise<void> {
  options.signal?.throwIfAborted()
  let bytes = 0
  for (const part of parts) bytes += await requireFile(part, `a split GGUF needs all of its ${parts.length} parts`)
  // The joined file, and the model that is made of it, take about as much as the parts do.
  await requireSpace(
    dirname(target),
    2 * bytes,
    (needed) => `${parts[0]}: joining the parts and converting them takes ${needed}`,
  )
  const plan = await runFilesTask('join', { parts }, options.signal)
  try {
    const file = await open(target, 'wx')
    try {
      await writeAll(file, plan.head, 0)
      await copy(plan.pieces, parts, file, options)
      // A tensor at the end may have padding behind it, which has no bytes of its own.
      await file.truncate(plan.size)
    } finally {
      await file.close()
    }
  } catch (error) {
    await rm(target, { force: true })
    throw error
  }
}

async function copy(
  pieces: JoinPlan['pieces'],
  parts: readonly string[],
  target: FileHandle,
  { signal, onProgress }: JoinOptions,
): Promise<void> {
  const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0)
  const buffer = Buffer.allocUnsafe(stepBytes)
  let done = 0
  for (const [i, part] of parts.entries()) {
    const source = await open(part, 'r').catch((error: unknown) => {
      throw fileError(part, error)
    })
    try {
      for (const { from, to, bytes } of pieces.filter((piece) => piece.part === i)) {
        for (let copied = 0; copied < bytes; ) {
          signal?.throwIfAborted()
          const { bytesRead } = await source.read(buffer, 0, Math.min(stepBytes, bytes - copied), from + copied)
          if (bytesRead === 0) throw new LLMError('ERR_MODEL_INVALID', `${part}: the file was cut while it was read`)
          await writeAll(target, buffer.subarray(0, bytesRead), to + copied)
          copied += bytesRead
          done += bytesRead
          onProgress?.({ stage: 'join', done, total })
        }
      }
    } finally {
      await source.close()
    }
  }
}
