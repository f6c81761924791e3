import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { LLMError } from '../errors.js'
import { fileError } from '../file-error.js'

type Kind = { is: (name: string) => boolean; explain: (folder: string, name: string) => string }

export const exportCommand = (folder: string): string =>
  `export it with: optimum-cli export openvino --model ${JSON.stringify(folder)} --task text-generation-with-past --weight-format int4 ${JSON.stringify(`${basename(folder)}-int4`)}`

/** What a folder without openvino_model.xml may be, the most telling first. */
const kinds: readonly Kind[] = [
  {
    is: (name) => name === 'openvino_language_model.xml',
    explain: () => 'this is a vision-language model (openvino_language_model.xml); this version runs text models only',
  },
  {
    is: (name) => /^openvino_(encoder|decoder)_model\.xml$/.test(name),
    explain: (_, name) => `this is an encoder-decoder model (${name}); this version runs decoder-only text models`,
  },
  {
    is: (name) => name === 'model_index.json',
    explain: () => 'this is a diffusion pipeline (model_index.json), not a text model',
  },
  {
    is: (name) => name.endsWith('.gguf'),
    explain: (folder, name) => `the folder holds a GGUF: load the file itself, ${join(folder, name)}`,
  },
  {
    is: (name) => /\.(safetensors|pt|pth)$/.test(name) || /^pytorch_model.*\.bin$/.test(name),
    explain: (folder, name) =>
      `the folder holds PyTorch weights (${name}) and no OpenVINO model; ${exportCommand(folder)}`,
  },
  {
    is: (name) => name.endsWith('.onnx'),
    explain: (folder, name) =>
      `the folder holds an ONNX model (${name}); ${exportCommand(folder)} from the original weights`,
  },
  { is: (name) => name.endsWith('.xml'), explain: (_, name) => `expected openvino_model.xml, found ${name}` },
  {
    is: (name) => /\.ya?ml$/.test(name),
    explain: (folder, name) =>
      `the folder holds a LocalAI model description (${name}): load the file itself, ${join(folder, name)}`,
  },
]

/** Explains a folder that has no openvino_model.xml. */
export async function explainFolder(folder: string): Promise<LLMError> {
  let names: string[]
  try {
    names = (await readdir(folder)).sort()
  } catch (error) {
    throw fileError(folder, error)
  }
  return explainNames(folder, names)
}

/**
 * The same by the names of what a folder, or a repository, holds.
 * @param folder its path, or `owner/name`
 */
export function explainNames(folder: string, names: readonly string[]): LLMError {
  for (const kind of kinds) {
    const name = names.find(kind.is)
    if (name !== undefined) return new LLMError('ERR_UNSUPPORTED_MODEL', `${folder}: ${kind.explain(folder, name)}`)
  }
  return new LLMError(
    'ERR_MODEL_NOT_FOUND',
    `${folder}: expected a folder with openvino_model.xml, found ${names.length === 0 ? 'an empty folder' : 'none'}`,
  )
}

/** Explains a file that is neither openvino_model.xml nor a GGUF. */
export function explainFile(path: string): LLMError {
  const name = basename(path)
  const unsupported = (text: string): LLMError => new LLMError('ERR_UNSUPPORTED_MODEL', `${path}: ${text}`)
  if (name.endsWith('.onnx'))
    return unsupported('an ONNX model; this version reads OpenVINO IR folders and .gguf files')
  if (/\.(safetensors|pt|pth)$/.test(name))
    return unsupported('PyTorch weights; export the model to OpenVINO with optimum-cli')
  if (name.endsWith('.xml')) return unsupported('expected a file named openvino_model.xml')
  return unsupported('expected a model folder, its openvino_model.xml, or a .gguf file')
}

/** Explains a folder that has a model and no tokenizer.json. */
export async function explainTokenizer(folder: string): Promise<LLMError> {
  const names = await readdir(folder).catch((): string[] => [])
  const found = ['tokenizer.model', 'openvino_tokenizer.xml', 'vocab.json', 'tiktoken.model'].find((name) =>
    names.includes(name),
  )
  const advice =
    'make one with: python3 -c "import sys; from transformers import AutoTokenizer; ' +
    `AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])" ${JSON.stringify(folder)}`
  return found === undefined
    ? new LLMError(
        'ERR_MODEL_NOT_FOUND',
        `${join(folder, 'tokenizer.json')}: no such file; copy it from the original model, or ${advice}`,
      )
    : new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${folder}: expected tokenizer.json, found only ${found}; ${advice}`)
}
