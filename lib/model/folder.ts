import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LLMError } from '../errors.js'
import { fileError } from '../file-error.js'
import { readAttentionBorders } from './attention-borders.js'
import { readKvValues, readSlidingWindow } from './attention-config.js'
import { readChatTemplates } from './chat-templates.js'
import { readContextLength } from './context-length.js'
import type { ModelDefinition } from './definition.js'
import { readExportLosses } from './export-losses.js'
import { chatsNeedBos, wrongExports } from './families.js'
import { explainFile, explainFolder, explainTokenizer } from './foreign-folder.js'
import { readGenerationConfig, readStopStrings } from './generation-config.js'
import { JsonObject } from './json-object.js'
import { readModelCard } from './model-card.js'
import { fileSize, readStart, requireFile } from './model-file.js'
import { readVerdict } from './verdict.js'

/**
 * Reads and validates an OpenVINO model folder as optimum-intel exports it. The graph, the weights and tokenizer.json are only
 * looked at from outside; nothing is executed.
 *
 * @param path the folder, or its openvino_model.xml; a path or a file: URL
 * @throws TypeError when `path` is neither a path nor a file: URL
 * @throws LLMError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID, ERR_UNSUPPORTED_MODEL or ERR_UNSUPPORTED_TOKENIZER;
 * the message names the file, the field, what was expected and what was found
 */
export async function readFolder(path: string | URL): Promise<ModelDefinition> {
  const folder = await findFolder(toPath(path))
  const file = (name: string): string => join(folder, name)

  const modelPath = file('openvino_model.xml')
  if ((await fileSize(modelPath)) === undefined) throw await explainFolder(folder)
  await requireGraph(modelPath)
  const weightsPath = file('openvino_model.bin')
  const weightsBytes = await requireFile(weightsPath, 'it holds the weights of openvino_model.xml')

  const config = await JsonObject.read(file('config.json'))
  if (!config)
    throw new LLMError(
      'ERR_MODEL_NOT_FOUND',
      `${file('config.json')}: no such file; optimum-cli writes it beside openvino_model.xml`,
    )
  // Models that were cut out of a multimodal one keep the text model's fields one level down.
  const nested = config.object('text_config')
  const text = nested ? new JsonObject(config.file, { ...config.data, ...nested.data }) : config
  const modelType = config.string('model_type')
  if (modelType === undefined) throw config.invalid('model_type', 'a string')
  const wrong = Object.hasOwn(wrongExports, modelType) ? wrongExports[modelType] : undefined
  if (wrong && (wrong.when?.(text) ?? true))
    throw new LLMError('ERR_UNSUPPORTED_MODEL', `${config.file}: model_type ${modelType}: ${wrong.why}`)
  if (config.boolean('is_encoder_decoder'))
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${config.file}: an encoder-decoder model (${modelType}); this version runs decoder-only text models`,
    )

  const context = readContextLength(text)
  const generationConfig = await JsonObject.read(file('generation_config.json'))
  const card = await readModelCard(folder).catch((error: unknown) => {
    if (error instanceof LLMError) return error
    throw error
  })
  const defaults = [
    ...(generationConfig ? [readGenerationConfig(generationConfig, context.contextLength)] : []),
    ...(card && !(card instanceof LLMError) ? [card] : []),
  ]
  const ends = [generationConfig, config, nested].flatMap((source) => source?.tokenIds('eos_token_id') ?? [])

  if ((await fileSize(file('tokenizer.json'))) === undefined) throw await explainTokenizer(folder)
  await requireFile(file('tokenizer.json'), 'it holds the vocabulary')
  const tokenizerConfig = await JsonObject.read(file('tokenizer_config.json'))
  const specialTokens = await JsonObject.read(file('special_tokens_map.json'))
  const { templates, templateFile } = await readChatTemplates(folder, tokenizerConfig)

  const files = [config, generationConfig, tokenizerConfig, specialTokens].flatMap((source) =>
    source ? [basename(source.file)] : [],
  )
  if (templateFile !== '') files.push(templateFile)
  if (defaults.some(({ source }) => source === 'README.md')) files.push('README.md')
  return {
    source: { kind: 'folder', path: folder },
    folder,
    modelPath,
    weightsPath,
    weightsBytes,
    modelType,
    ...context,
    contextReason: '',
    slidingWindow: readSlidingWindow(text),
    kvValuesPerToken: readKvValues(text),
    attentionBorders: readAttentionBorders(text, context.contextLength),
    exportLosses: readExportLosses(text, context.contextLength),
    verdict: await readVerdict(folder),
    vocabularySize: text.integer('vocab_size', 1),
    defaults,
    cardDoubt: card instanceof LLMError ? card.message : '',
    stopStrings: readStopStrings(generationConfig),
    stopTokenIds: [...new Set(ends)].sort((a, b) => a - b),
    text: {
      tokenizerPath: file('tokenizer.json'),
      tokenizerConfig: { ...specialTokens?.data, ...tokenizerConfig?.data },
      templates,
      templateFile: templateFile === '' ? '' : file(templateFile),
      chatsNeedBos: chatsNeedBos(modelType),
    },
    files: [...new Set(['openvino_model.xml', 'openvino_model.bin', 'tokenizer.json', ...files])],
  }
}

/** The absolute path that a caller means. */
export function toPath(reference: string | URL): string {
  const isUrl = reference instanceof URL
  if ((!isUrl && typeof reference !== 'string') || reference === '' || String(reference).includes('\0'))
    throw new TypeError(
      `expected the model to be a path or a file: URL, received ${typeof reference === 'string' ? JSON.stringify(reference) : typeof reference}`,
    )
  if (!isUrl && !/^[a-z][a-z0-9+.-]+:\/\//i.test(reference)) return resolve(reference)
  const url = isUrl ? reference : new URL(reference)
  if (url.protocol !== 'file:')
    throw new TypeError(`expected the model to be a path or a file: URL, received "${url.href}"`)
  return fileURLToPath(url)
}

async function findFolder(path: string): Promise<string> {
  const stats = await stat(path).catch((error: unknown) => {
    throw fileError(path, error)
  })
  if (stats.isDirectory()) return path
  if (stats.isFile() && basename(path) === 'openvino_model.xml') return dirname(path)
  throw explainFile(path)
}

async function requireGraph(modelPath: string): Promise<void> {
  await requireFile(modelPath, 'it should hold the graph of the model')
  const start = (await readStart(modelPath, 4096)).toString('latin1')
  if (!/<net[\s>]/.test(start))
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${modelPath}: expected an OpenVINO graph (<net …>) at the start of the file`,
    )
}
