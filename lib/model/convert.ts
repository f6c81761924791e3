import type { LoadProgress } from '../options/load.js'
import * as check from '../options/rules.js'
import { convertGguf } from './gguf/convert.js'

/** Options of {@link convert}. */
export interface ConvertOptions {
  signal?: AbortSignal
  onProgress?: (progress: LoadProgress) => void
}

const rules: Record<keyof ConvertOptions, check.Rule> = { signal: check.signal, onProgress: check.callback }

/**
 * Converts a GGUF file into a complete OpenVINO model folder: graph and weights, config.json, generation_config.json, tokenizer and
 * chat template. The folder appears at once when everything is written, or not at all.
 *
 * @param source a .gguf file: a path or a `file:` URL
 * @param folder must not exist, or be empty
 * @throws LLMError `ERR_CONVERT`, `ERR_MODEL_*`, `ERR_UNSUPPORTED_MODEL`, `ERR_UNSUPPORTED_TOKENIZER`; `signal.reason` when aborted.
 */
export async function convert(source: string | URL, folder: string | URL, options: ConvertOptions = {}): Promise<void> {
  check.checkOptions(options, rules, 'ConvertOptions')
  await convertGguf(source, folder, options)
}
