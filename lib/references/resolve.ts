import { stat } from 'node:fs/promises'
import { dirname, join, posix, resolve } from 'node:path'
import { LLMError } from '../errors.js'
import { toPath } from '../model/folder.js'
import { readText } from '../model/model-file.js'
import { maxYamlBytes } from '../model-yaml/document.js'
import { readModelYaml } from '../model-yaml/read.js'
import { isPlainPath } from '../model-yaml/safety.js'
import type { ModelYaml } from '../model-yaml/settings.js'
import type { LoadProgress } from '../options/load.js'
import type { Warn } from '../warnings.js'
import { placeDownloads } from './downloads.js'
import type { HubProgress, HubSource } from './hub-source.js'
import { keptText } from './kept-text.js'
import { type HubReference, parseReference } from './reference.js'
import { type Selection, selectFiles } from './select.js'

/** Where a model is, and what was said of it on the way there. */
export interface ResolvedModel {
  /** As it was given. */
  reference: string
  /** What is loaded: a folder with an OpenVINO model, its openvino_model.xml, or a .gguf file. */
  path: string
  /** The repository that holds it, and which of its commits; undefined for what is not in the hub's cache. */
  hub: { repo: string; commit: string } | undefined
  /** The model.yaml that the reference named. */
  yaml: ModelYaml | undefined
}

/** What resolving needs. */
export interface ResolveContext {
  hub: HubSource
  /** Of the repository; that of the reference, if it has one, must be the same. */
  revision?: string | undefined
  offline?: boolean | undefined
  signal?: AbortSignal | undefined
  onProgress?: ((progress: LoadProgress) => void) | undefined
  warn: Warn
}

const hubScheme = 'huggingface://'

type Located = Omit<ResolvedModel, 'reference'>

/**
 * Finds what a reference names, and downloads what is not there. A file or folder of that name comes before a repository, unless the
 * reference says `huggingface://`, `hf://` or `hf.co/`.
 *
 * @throws TypeError for what is no reference; LLMError `ERR_REFERENCE`, `ERR_UNSUPPORTED_MODEL`, `ERR_MODEL_INVALID` and those of the hub;
 * `signal.reason` when aborted
 */
export async function resolveReference(model: string | URL, context: ResolveContext): Promise<ResolvedModel> {
  context.signal?.throwIfAborted()
  const reference = model instanceof URL ? model.href : model
  const located = await locate(model, context)
  // What a model.yaml of the hub brings along has no revision, but the file itself has.
  const ofHub = located.hub !== undefined || located.yaml?.file.startsWith(hubScheme)
  if (context.revision !== undefined && !ofHub)
    throw new LLMError('ERR_REFERENCE', `option revision: ${reference} is on this machine, and has no revisions`)
  for (const warning of located.yaml?.warnings ?? []) context.warn('model-yaml', warning)
  return { reference, ...located }
}

async function locate(model: string | URL, context: ResolveContext): Promise<Located> {
  const onServer = model instanceof URL && model.protocol !== 'file:'
  // What is no text, and file: URLs, are a path's business.
  if ((typeof model !== 'string' && !onServer) || model === '' || String(model).includes('\0'))
    return await fromPath(toPath(model), undefined, context)
  const text = String(model)
  const parsed = parseReference(text)
  switch (parsed.kind) {
    case 'path':
      return await fromPath(toPath(parsed.path), parsed.name, context)
    case 'name':
      return await fromName(parsed.name, context)
    case 'url':
      return await fromServer(parsed, context)
    case 'hub':
      if (!parsed.explicit && (await exists(text))) return await fromPath(toPath(text), undefined, context)
      return await fromHub(withRevision(parsed, context), text, context)
  }
}

/** A file or folder of that name, else what is called so in the cache of downloads. */
async function fromName(name: string, context: ResolveContext): Promise<Located> {
  const stored = (await exists(name)) ? [] : await context.hub.stored(name)
  const [only, ...others] = stored
  if (only === undefined) return await fromPath(toPath(name), undefined, context)
  if (others.length === 0) return await locate(only, context)
  throw new LLMError(
    'ERR_REFERENCE',
    `${name}: ${stored.length} downloads are called so; name one: ${stored.join(', ')}`,
  )
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const isYaml = (path: string): boolean => /\.ya?ml$/i.test(path)

async function fromPath(path: string, name: string | undefined, context: ResolveContext): Promise<Located> {
  const isFile = isYaml(path) && (await stat(path).catch(() => undefined))?.isFile()
  if (!isFile) return { path, hub: undefined, yaml: undefined }
  const yaml = await readModelYaml((await readText(path)) ?? '', { file: path, network: false, name })
  const placed = await downloaded(yaml, context)
  if (placed) return placed
  const folder = dirname(path)
  const beside = resolve(folder, yaml.model)
  if (await exists(beside)) return { ...(await noYaml(yaml, beside, context)), yaml }
  const parsed = parseReference(yaml.model)
  if (parsed.kind === 'hub')
    return { ...(await fromHub(withRevision(parsed, context), yaml.model, context, yaml)), yaml }
  if (parsed.kind === 'url') throw another(yaml)
  const local = parsed.kind === 'path' && /^file:/i.test(parsed.path) ? toPath(parsed.path) : beside
  return { ...(await noYaml(yaml, local, context)), yaml }
}

/** The model of a model.yaml that brings its files along (`download_files`), if it is one of them, or a folder of them. */
async function downloaded(yaml: ModelYaml, context: ResolveContext): Promise<Located | undefined> {
  const model = posix.normalize(yaml.model).replace(/\/$/, '')
  const holds = ({ filename }: { filename: string }) =>
    model === '.' || filename === model || filename.startsWith(`${model}/`)
  if (!yaml.downloads.some(holds)) {
    if (yaml.downloads.length > 0)
      context.warn('model-yaml', `${yaml.file}: download_files are left out: parameters.model names none of them`)
    return undefined
  }
  const { offline, signal, onProgress, warn } = context
  const folder = await placeDownloads(
    yaml,
    async ({ repo, revision }, paths) => {
      const report = onProgress && ((progress: HubProgress) => onProgress({ stage: 'download', ...progress }))
      const request = { repo, revision, select: () => paths, offline, signal, onProgress: report, warn }
      return (await context.hub.snapshot(request)).folder
    },
    signal,
  )
  return { path: join(folder, model), hub: undefined, yaml }
}

/** What a model.yaml names must be a model: files that name each other would never end. */
async function noYaml(yaml: ModelYaml, path: string, context: ResolveContext): Promise<Located> {
  if (isYaml(path)) throw another(yaml)
  return await fromPath(path, undefined, context)
}

const another = ({ file, model }: ModelYaml): LLMError =>
  new LLMError(
    'ERR_MODEL_INVALID',
    `${file}: expected "parameters.model" to be a model, found another model.yaml, ${model}`,
  )

async function fromServer(
  { url, name }: { url: string; name: string | undefined },
  context: ResolveContext,
): Promise<Located> {
  const { hub, offline, signal, warn } = context
  const text = await keptText(url, () => hub.text(url, { limit: maxYamlBytes, signal }), { offline, warn })
  const yaml = await readModelYaml(text, { file: url, network: true, name })
  const placed = await downloaded(yaml, context)
  if (placed) return placed
  const parsed = parseReference(yaml.model)
  if (parsed.kind === 'url') throw another(yaml)
  if (parsed.kind === 'hub')
    return { ...(await fromHub(withRevision(parsed, context), yaml.model, context, yaml)), yaml }
  throw new LLMError(
    'ERR_MODEL_INVALID',
    `${url}: expected "parameters.model" to be a repository (owner/name), found ${JSON.stringify(yaml.model.slice(0, 80))}`,
  )
}

/** The reference with the revision of the options. */
function withRevision(reference: HubReference, { revision }: ResolveContext): HubReference {
  if (revision === undefined || reference.revision === revision) return reference
  if (reference.revision === undefined) return { ...reference, revision }
  throw new LLMError(
    'ERR_REFERENCE',
    `option revision: expected ${reference.revision}, as the reference to ${reference.repo} says, found ${revision}`,
  )
}

/**
 * @param text the reference as it was given
 * @param from the model.yaml that names the model
 */
async function fromHub(
  reference: HubReference,
  text: string,
  context: ResolveContext,
  from?: ModelYaml,
): Promise<Located> {
  const { repo, revision, name } = reference
  let selection: Selection | undefined
  const { offline, signal, onProgress, warn } = context
  const { folder, commit } = await context.hub
    .snapshot({
      repo,
      revision,
      select: (files) => {
        selection = selectFiles(reference, files)
        return selection.files
      },
      offline,
      signal,
      onProgress: onProgress && ((progress) => onProgress({ stage: 'download', ...progress })),
      warn,
    })
    .catch((error: unknown) => {
      throw reference.explicit || !(error instanceof LLMError) ? error : withHint(error, text)
    })
  if (selection === undefined) throw new Error(`the snapshot of ${repo} selected no files`)
  const path = join(folder, selection.model)
  const hub = { repo, commit }
  if (!isYaml(path)) return { path, hub, yaml: undefined }
  if (from) throw another(from)
  const file = `${hubScheme}${repo}/${selection.model}`
  const yaml = await readModelYaml((await readText(path)) ?? '', { file, network: true, name })
  const placed = await downloaded(yaml, context)
  if (placed) return placed
  return { ...(await fromHub(beside(yaml, reference, commit, selection.model), yaml.model, context, yaml)), yaml }
}

/** What a model.yaml in a repository names: another repository, or something in its own, at the same commit. */
function beside(yaml: ModelYaml, { repo }: HubReference, commit: string, file: string): HubReference {
  const parsed = parseReference(yaml.model)
  // What was pinned is this repository's model.yaml; the same commit needs no second look at the branch.
  if (parsed.kind === 'hub') return parsed.repo === repo && !parsed.revision ? { ...parsed, revision: commit } : parsed
  if (parsed.kind === 'url') throw another(yaml)
  const path = posix.normalize(posix.join(posix.dirname(file), yaml.model)).replace(/\/$/, '')
  if (path !== '.' && !isPlainPath(path))
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${yaml.file}: expected "parameters.model" to be a repository (owner/name) or a path in this one, found ${JSON.stringify(yaml.model.slice(0, 80))}`,
    )
  return {
    ...{ kind: 'hub', repo, revision: commit, path: path === '.' ? '' : path },
    ...{ quantization: '', name: undefined, explicit: true },
  }
}

/** Whoever mistypes a path gets an answer about a repository. */
const withHint = (error: LLMError, text: string): LLMError =>
  new LLMError(error.code, `${error.message} (nor is there a file or folder ${JSON.stringify(text)})`, { cause: error })
