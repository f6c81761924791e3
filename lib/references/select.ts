import { basename } from 'node:path'
import { LLMError } from '../errors.js'
import { explainNames, exportCommand } from '../model/foreign-folder.js'
import { partNames, withoutPart } from '../model/gguf/part-names.js'
import type { HubReference } from './reference.js'

/** A file of a repository. */
export interface ListedFile {
  path: string
  size: number
}

/** What is needed of a repository. */
export interface Selection {
  /** Paths in the repository. */
  files: string[]
  /** What of it is loaded, relative to the repository: a folder ('' for all of it), a GGUF or a model.yaml. */
  model: string
}

/** Files beside a graph that a model can need, or that say what it is. Nothing else is fetched: no code, and no other weights. */
const wanted = /(\.(xml|bin|json|jinja|model|txt)|^LICENSE|^README\.md)$/
const graph = 'openvino_model.xml'
const isGguf = (path: string): boolean => /\.gguf$/i.test(path)
/** Of a GGUF: what is beside models, but none. */
const noModel = /(^|[/._-])(mmproj|imatrix)/i

/**
 * The files of a repository that a reference needs.
 * @throws LLMError `ERR_REFERENCE` when the reference names nothing, or several; `ERR_UNSUPPORTED_MODEL` when the repository holds neither an
 * OpenVINO model nor a GGUF, which says how to make one
 */
export function selectFiles(
  { repo, path, quantization }: Pick<HubReference, 'repo' | 'path' | 'quantization'>,
  files: readonly ListedFile[],
): Selection {
  const listed = (name: string) => files.some((file) => file.path === name)
  const whole = path === '' ? repo : `${repo}/${path}`
  if (/\.ya?ml$/i.test(path) && listed(path)) return { files: [path], model: path }
  if (isGguf(path) && listed(path)) return gguf(path, whole, files)
  if (basename(path) === graph && listed(path)) return folder(path.slice(0, -graph.length - 1), files)

  const below = files.filter((file) => path === '' || file.path.startsWith(`${path}/`))
  if (below.length === 0) throw nothing(whole, path, files)
  const graphs = below.map((file) => file.path).filter((one) => basename(one) === graph)
  const own = graphs.find((one) => one === (path === '' ? graph : `${path}/${graph}`))
  const ggufs = below.filter((file) => isGguf(file.path) && !noModel.test(file.path))
  if (quantization === '') {
    if (own !== undefined) return folder(path, files)
    const folders = graphs.map((one) => one.slice(0, -graph.length - 1)).sort()
    if (folders.length === 1) return folder(folders[0] as string, files)
    if (folders.length > 1) {
      const each = folders.map((one) => `${repo}/${one}`).join(', ')
      throw new LLMError('ERR_REFERENCE', `${whole}: holds ${folders.length} OpenVINO models; name one: ${each}`)
    }
  }
  if (ggufs.length > 0) return chooseGguf(whole, quantization, ggufs)
  if (quantization !== '')
    throw new LLMError('ERR_REFERENCE', `${whole}:${quantization}: expected a repository with GGUF files, found none`)
  throw noModelIn(
    whole,
    below.map((file) => (path === '' ? file.path : file.path.slice(path.length + 1))),
  )
}

/** Neither OpenVINO's model nor a GGUF: what it is, and what would make a model of it. */
function noModelIn(whole: string, names: readonly string[]): LLMError {
  const error = explainNames(whole, [...names].sort())
  if (error.code !== 'ERR_MODEL_NOT_FOUND' || !names.includes('config.json')) return error
  return new LLMError(
    'ERR_UNSUPPORTED_MODEL',
    `${whole}: holds neither an OpenVINO model (openvino_model.xml) nor a GGUF; ${exportCommand(whole)}`,
  )
}

/** A folder with a graph: what lies in it, and its further templates. */
function folder(path: string, files: readonly ListedFile[]): Selection {
  const prefix = path === '' ? '' : `${path}/`
  const names = files.flatMap((file) => (file.path.startsWith(prefix) ? [file.path.slice(prefix.length)] : []))
  const needed = names.filter((name) => {
    if (/^additional_chat_templates\/[^/]+\.jinja$/.test(name)) return true
    if (name.includes('/') || !wanted.test(name)) return false
    // PyTorch's weights are .bin files, too.
    return !name.endsWith('.bin') || names.includes(`${name.slice(0, -4)}.xml`)
  })
  return { files: needed.map((name) => prefix + name), model: path }
}

function gguf(path: string, whole: string, files: readonly ListedFile[]): Selection {
  const parts = partNames(path) ?? [path]
  const missing = parts.find((part) => !files.some((file) => file.path === part))
  if (missing !== undefined)
    throw new LLMError('ERR_REFERENCE', `${whole}: a split GGUF needs all of its parts, and ${missing} is not there`)
  return { files: parts, model: parts[0] as string }
}

/** What a GGUF calls its weights, e.g. `Q4_K_M`, by its name or that of its folder; '' when neither says it. */
export function quantizationOf(path: string): string {
  const stem = withoutPart(path).slice(0, -'.gguf'.length)
  const pattern = /(?:^|[-._/])((?:UD-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|BF16|F16|F32))$/i
  return (pattern.exec(stem)?.[1] ?? pattern.exec(stem.replace(/\/[^/]*$/, ''))?.[1] ?? '').toUpperCase()
}

function chooseGguf(whole: string, quantization: string, files: readonly ListedFile[]): Selection {
  // The parts of one split model count once, as its first part.
  const models = files.filter(({ path }) => (partNames(path)?.[0] ?? path) === path)
  const matching =
    quantization === '' ? models : models.filter(({ path }) => quantizationOf(path) === quantization.toUpperCase())
  const [first] = matching
  if (first && matching.length === 1) return gguf(first.path, whole, files)
  const size = (one: ListedFile): number => {
    const parts = partNames(one.path)
    return files
      .filter(({ path }) => path === one.path || parts?.includes(path))
      .reduce((sum, { size }) => sum + size, 0)
  }
  const listOf = (some: readonly ListedFile[]): string =>
    some
      .map((one) => {
        const name = quantizationOf(one.path)
        const unique = name !== '' && models.filter(({ path }) => quantizationOf(path) === name).length === 1
        return `${unique ? `:${name}` : `/${one.path}`} (${(size(one) / 1e9).toFixed(1)} GB)`
      })
      .join(', ')
  if (matching.length === 0)
    throw new LLMError('ERR_REFERENCE', `${whole}:${quantization}: no such GGUF; there are ${listOf(models)}`)
  throw new LLMError('ERR_REFERENCE', `${whole}: holds ${matching.length} GGUF models; name one: ${listOf(matching)}`)
}

function nothing(whole: string, path: string, files: readonly ListedFile[]): LLMError {
  const folders = [...new Set(files.map((file) => file.path.split('/')[0] as string))].sort()
  const shown = folders.slice(0, 20).join(', ') + (folders.length > 20 ? ', …' : '')
  return new LLMError(
    'ERR_REFERENCE',
    `${whole}: there is no ${JSON.stringify(path)} in it; it holds ${shown || 'nothing'}`,
  )
}
