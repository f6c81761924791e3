import { LLMError } from '../errors.js'

/** Something in a repository of the hub. */
export interface HubReference {
  kind: 'hub'
  /** `owner/name`. */
  repo: string
  /** A branch, a tag or a commit; undefined for the default branch. */
  revision: string | undefined
  /** A file or a folder of the repository, or ''. */
  path: string
  /** The quantization of a GGUF, e.g. `Q4_K_M`, or ''. */
  quantization: string
  /** Which model of a model.yaml that holds several. */
  name: string | undefined
  /** Whether a scheme said that it is on the hub; else a file or folder of that name comes first. */
  explicit: boolean
}

/** What a caller calls a model. */
export type Reference =
  | HubReference
  /** A path or a `file:` URL, with which model of a model.yaml that holds several. */
  | { kind: 'path'; path: string; name: string | undefined }
  /** A model.yaml on a server. */
  | { kind: 'url'; url: string; name: string | undefined }
  /** One word: a path, or a name in the local store. */
  | { kind: 'name'; name: string }

const schemes = /^(?:huggingface:\/\/|hf:\/\/|(?:https:\/\/)?hf\.co\/|https:\/\/huggingface\.co\/)/i
const segment = /^[A-Za-z0-9._-]{1,96}$/
const revisionPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,198}[A-Za-z0-9_-])?$/
/** Longer text is no reference. */
const longest = 2048

/**
 * What a reference means, by its form alone.
 * @param text not empty
 * @throws LLMError `ERR_REFERENCE` for one that says that it is on the hub, or on a server, and is not well formed
 */
export function parseReference(text: string): Reference {
  const refuse = (expected: string): never => {
    throw new LLMError('ERR_REFERENCE', `${JSON.stringify(text.slice(0, 200))}: expected ${expected}`)
  }
  const scheme = schemes.exec(text)?.[0]
  if (scheme !== undefined) {
    if (text.length > longest) refuse(`a reference of at most ${longest} characters`)
    return { ...(hub(text.slice(scheme.length), /^https:/i.test(scheme)) ?? refuse(hubForm)), explicit: true }
  }
  if (/^github:/i.test(text)) return { kind: 'url', ...(github(text.slice(7)) ?? refuse(githubForm)) }
  if (/^https?:\/\//i.test(text)) return server(text) ?? refuse('an https:// address of a model.yaml')
  if (isPath(text)) return { kind: 'path', ...splitName(text) }
  if (!/[/\\]/.test(text)) return { kind: 'name', name: text }
  const found = text.length <= longest ? hub(text, false) : undefined
  return found ?? { kind: 'path', ...splitName(text) }
}

const hubForm =
  'owner/name, then if wanted @revision, :QUANTIZATION of a GGUF or /path of a file or folder in it, without ".."'
const githubForm = 'github:owner/repository/path/to/model.yaml, then if wanted @branch'

/** Whether a text can only be meant as a path. */
function isPath(text: string): boolean {
  if (text === '.' || text === '..' || /^(\.{0,2}[/\\]|~|[a-z]:[/\\])/i.test(text) || /[/\\]$/.test(text)) return true
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return true
  // A file in one folder below; a repository's name does not end so.
  return /\.(gguf|xml|ya?ml(#.*)?|safetensors|onnx|pt|pth)$/i.test(text) && text.split(/[/\\]/).length <= 2
}

/** `path#name`, where the path is that of a model.yaml. */
function splitName(text: string): { path: string; name: string | undefined } {
  const [, path, name] = /^(.*\.ya?ml)#(.+)$/is.exec(text) ?? []
  return path === undefined ? { path: text, name: undefined } : { path, name }
}

/** @param web whether it is an address as a browser shows it, with `/tree/` or `/blob/` and the revision behind the name */
function hub(text: string, web: boolean): (Omit<HubReference, 'explicit'> & { explicit: false }) | undefined {
  const { path: whole, name } = splitName(web ? text.replace(/\?[^#]*/, '') : text)
  const [owner = '', second = '', ...rest] = whole.replace(/\/$/, '').split('/')
  const [, repo = '', at, quantization = ''] = /^([^@:]*)(?:@([^@:]*))?(?::([^@:]*))?$/.exec(second) ?? []
  let revision = at === undefined ? undefined : decoded(at)
  let path = rest
  if (web && ['tree', 'blob', 'resolve', 'raw'].includes(rest[0] ?? '')) {
    revision ??= decoded(rest[1] ?? '')
    path = rest.slice(2).map((one) => decoded(one) ?? '')
  }
  // The name of a repository, at last: neither `..` nor `--`, which separates owner and name in the cache's folders.
  for (const one of [owner, repo])
    if (!segment.test(one) || /^[.-]|[.-]$|\.\.|--/.test(one) || /\.git$/.test(one)) return undefined
  if (at === '' || (revision !== undefined && (!revisionPattern.test(revision) || /\.\.|\/\/|\.lock$/.test(revision))))
    return undefined
  if (second.includes(':') && (path.length > 0 || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/.test(quantization)))
    return undefined
  if (!path.every(isPlainSegment)) return undefined
  return { kind: 'hub', repo: `${owner}/${repo}`, revision, path: path.join('/'), quantization, name, explicit: false }
}

const isPlainSegment = (one: string): boolean => !/^\.{0,2}$/.test(one) && !/[\\:?#%\p{Cc}]/u.test(one)

/** `%2F` in a revision is a slash of its name. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

function github(text: string): { url: string; name: string | undefined } | undefined {
  const { path: whole, name } = splitName(text.replace(/@([^@/]*)$/, ''))
  const [, branch = 'main'] = /@([^@/]*)$/.exec(text) ?? []
  const segments = whole.split('/')
  if (
    segments.length < 3 ||
    ![...segments, branch].every((one) => /^[A-Za-z0-9._-]+$/.test(one) && isPlainSegment(one))
  )
    return undefined
  if (!/\.ya?ml$/i.test(whole)) return undefined
  const [owner, repository, ...path] = segments
  return { url: `https://raw.githubusercontent.com/${owner}/${repository}/${branch}/${path.join('/')}`, name }
}

/** An address of a model.yaml. Without encryption only this machine is asked. */
function server(text: string): Reference | undefined {
  if (text.length > longest || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if ((url.protocol !== 'https:' && !local) || url.username !== '' || url.password !== '') return undefined
  if (!/\.ya?ml$/i.test(url.pathname)) return undefined
  const name = url.hash === '' ? undefined : decoded(url.hash.slice(1))
  url.hash = ''
  return { kind: 'url', url: url.href, name }
}
