import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadAddon, loadedAddonPath } from '../addon/load.js'
import { LLMError } from '../errors.js'

/** A prompt, and what every device must answer to it: the greedy tokens of the same weights in f32. */
export interface SelfTestCase {
  prompt: number[]
  answer: number[]
}

/**
 * The model of the self-test, which lies beside the addon. Its answers were chosen so that rounding changes none: no token won by less
 * than 0.2 in log-probability.
 * @throws LLMError `ERR_MODEL_NOT_FOUND` when it is not there, and as `loadAddon` does
 */
export async function selfTestModel(): Promise<{ folder: string; cases: SelfTestCase[] }> {
  loadAddon()
  const folder = join(dirname(loadedAddonPath() ?? ''), 'self-test')
  try {
    return { folder, ...JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) }
  } catch (cause) {
    throw new LLMError(
      'ERR_MODEL_NOT_FOUND',
      `${folder}: the model of the self-test cannot be read. Install openvino-llm again; in a checkout: npm run build`,
      { cause },
    )
  }
}
