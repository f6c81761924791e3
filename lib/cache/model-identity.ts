import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { fileError } from '../file-error.js'

/**
 * 32 hexadecimal digits for what a model's files are, not where they are: the graph itself, and size and time of the weights.
 * @param about whatever else what is cached depends on
 * @throws LLMError when the files cannot be read
 */
export async function identityOfModel(
  { modelPath, weightsPath }: { modelPath: string; weightsPath: string },
  about: readonly string[],
): Promise<string> {
  const hash = createHash('sha256')
  for (const path of [modelPath, weightsPath]) {
    try {
      const { size, mtimeNs } = await stat(path, { bigint: true })
      hash.update(JSON.stringify([String(size), String(mtimeNs), ...about]))
      if (path === modelPath) hash.update(await readFile(path))
    } catch (error) {
      throw fileError(path, error)
    }
  }
  return hash.digest('hex').slice(0, 32)
}
