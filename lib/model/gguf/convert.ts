import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { loadAddon } from '../../addon/load.js'
import { fillFolder } from '../../cache/temporary.js'
import { type JobProgress, runJob as runNativeJob } from '../../engine/job.js'
import { LLMError } from '../../errors.js'
import { isSystemError } from '../../file-error.js'
import { loadDefaults } from '../../options/load.js'
import { checkModel } from '../check-model.js'
import type { ModelDefinition } from '../definition.js'
import { readFolder, toPath } from '../folder.js'
import { type Verdict, verdictFor, writeVerdict } from '../verdict.js'
import { runFilesTask } from './files-thread.js'
import { joinParts } from './join.js'
import { partNames } from './part-names.js'

export interface ConvertOptions {
  /** Aborting rejects with `signal.reason` and leaves nothing behind. */
  signal?: AbortSignal | undefined
  onProgress?: ((progress: JobProgress) => void) | undefined
  /** Writes openvino_model.xml and .bin; the native addon's unless a test replaces it. */
  runJob?: typeof runNativeJob | undefined
  /** Versions that the result depends on; default those of the native addon. */
  versions?: { version: string; openvino: string } | undefined
  /** Whether to compare the runners and store the verdict. Default true. */
  check?: boolean | undefined
}

/**
 * Converts a GGUF file into a complete model folder: openvino_model.xml and .bin, config.json, generation_config.json,
 * tokenizer.json, tokenizer_config.json and chat_template.jinja. The folder appears in one step when everything is in it.
 *
 * @param source the .gguf file, of a split one any of its parts; a path or a file: URL
 * @param folder must not exist or be empty; its parents are made
 * @returns the model in `folder`
 * @throws LLMError ERR_CONVERT when the folder is not empty or cannot be written, or the runtime fails; the codes of reading a
 * model when the GGUF is missing, damaged or of an unsupported kind
 */
export async function convertGguf(
  source: string | URL,
  folder: string | URL,
  options: ConvertOptions = {},
): Promise<ModelDefinition> {
  const target = toPath(folder)
  const path = toPath(source)
  options.signal?.throwIfAborted()
  const occupied = (): LLMError =>
    new LLMError('ERR_CONVERT', `${target}: expected a folder that does not exist or is empty`)
  if ((await existingNames(target)).length > 0) throw occupied()
  try {
    await mkdir(dirname(resolve(target)), { recursive: true })
    if (!(await fillFolder(target, (temporary) => fillFromGguf(path, temporary, options)))) throw occupied()
  } catch (error) {
    throw isSystemError(error)
      ? new LLMError('ERR_CONVERT', `${target}: cannot be written (${error.message})`, { cause: error })
      : error
  }
  return readFolder(target)
}

/**
 * Writes all files of the model into an existing, empty folder and checks them; the stages `join` (of a split GGUF), `metadata`, `convert`
 * and `check`.
 */
export async function fillFromGguf(source: string, folder: string, options: ConvertOptions): Promise<void> {
  const parts = partNames(source)
  if (!parts) return fillFromWhole(source, folder, options)
  const joined = join(folder, 'joined.gguf')
  try {
    await joinParts(parts, joined, options)
    await fillFromWhole(joined, folder, options)
  } catch (error) {
    if (!(error instanceof LLMError)) throw error
    // The caller has never heard of the joined file.
    throw new LLMError(
      error.code,
      error.message.replaceAll(joined, () => source),
      { cause: error },
    )
  } finally {
    await rm(joined, { force: true })
  }
}

async function fillFromWhole(source: string, folder: string, options: ConvertOptions): Promise<void> {
  const { signal, onProgress, runJob = runNativeJob, check = true } = options
  signal?.throwIfAborted()
  onProgress?.({ stage: 'metadata', done: 0, total: 1 })
  const mends = await runFilesTask('write', { source, folder }, signal)
  onProgress?.({ stage: 'metadata', done: 1, total: 1 })
  const { vocabularySize } = await runJob('convert', { source, target: folder, ...mends }, { signal, onProgress })
  signal?.throwIfAborted()
  const definition = await readFolder(folder)
  const expected = definition.vocabularySize
  if (expected !== undefined && vocabularySize < expected)
    throw new LLMError(
      'ERR_CONVERT',
      `${source}: expected ${expected} rows in the converted embedding table, found ${vocabularySize}`,
    )
  if (check) await checkConverted(definition, options)
}

/**
 * Compares the runners on a converted model, unless its folder has a verdict already, and stores what was found. A machine that cannot
 * page stores nothing: another one may share the folder.
 *
 * @returns the definition with its verdict
 */
export async function checkConverted(definition: ModelDefinition, options: ConvertOptions): Promise<ModelDefinition> {
  const { signal, onProgress, runJob, versions = loadAddon().buildInfo() } = options
  const { openvino } = versions
  if (verdictFor(definition, openvino)) return definition
  try {
    const verdict = await checkModel(definition, { signal, onProgress, runJob, openvino, device: loadDefaults.device })
    await storeVerdict(definition.folder, verdict)
    return { ...definition, verdict }
  } catch (error) {
    if (error instanceof LLMError && ['ERR_DEVICE', 'ERR_ENGINE'].includes(error.code)) return definition
    throw error
  }
}

/** A finished folder that others may only read works all the same; it is checked anew each time. */
async function storeVerdict(folder: string, verdict: Verdict): Promise<void> {
  try {
    await writeVerdict(folder, verdict)
  } catch (error) {
    if (!isSystemError(error) || !['EROFS', 'EACCES', 'EPERM'].includes(error.code ?? '')) throw error
  }
}

async function existingNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return []
    throw new LLMError('ERR_CONVERT', `${folder}: expected a folder that does not exist or is empty`, { cause: error })
  }
}
