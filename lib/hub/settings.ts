import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** How the hub and its cache are used. What is absent comes from the environment. */
export interface HubOptions {
  /** Address of the hub. Default `HF_ENDPOINT`, else https://huggingface.co. */
  endpoint?: string | undefined
  /** For private and gated repositories. Default `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `token` in `HF_HOME`. */
  token?: string | undefined
  /** The cache that is shared with `huggingface_hub`. Default `HF_HUB_CACHE`, else `hub` in `HF_HOME`. */
  cacheDir?: string | undefined
  /** Whether to use only what is in the cache. Default `HF_HUB_OFFLINE`. */
  offline?: boolean | undefined
  signal?: AbortSignal | undefined
}

/** {@link HubOptions} with everything settled. */
export interface HubSettings {
  /** Without a slash at the end. */
  endpoint: URL
  token: string | undefined
  cacheDir: string
  offline: boolean
  /** Whether snapshots may hold symbolic links. */
  symlinks: boolean
}

/**
 * The variables mean what they mean to Python's `huggingface_hub`.
 * @throws TypeError when the endpoint is no address
 */
export async function hubSettings(
  options: HubOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<HubSettings> {
  return {
    endpoint: endpointOf(options.endpoint ?? (env.HF_ENDPOINT || 'https://huggingface.co')),
    token: clean(options.token) ?? (await tokenOf(env)),
    cacheDir: options.cacheDir === undefined ? hubCache(env) : resolve(options.cacheDir),
    offline: options.offline ?? (isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE)),
    symlinks: !isTrue(env.HF_HUB_DISABLE_SYMLINKS),
  }
}

/** The folder of all downloads. */
export function hubCache(env: NodeJS.ProcessEnv = process.env): string {
  return folderOf(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE) ?? join(hubHome(env), 'hub')
}

function hubHome(env: NodeJS.ProcessEnv): string {
  return folderOf(env.HF_HOME) ?? join(folderOf(env.XDG_CACHE_HOME) ?? join(homedir(), '.cache'), 'huggingface')
}

function folderOf(path: string | undefined): string | undefined {
  return path ? resolve(path.replace(/^~(?=$|[/\\])/, () => homedir())) : undefined
}

function endpointOf(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new TypeError(`expected the hub's endpoint to be an https: address, received ${JSON.stringify(address)}`)
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

async function tokenOf(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const given = clean(env.HF_TOKEN) ?? clean(env.HUGGING_FACE_HUB_TOKEN)
  if (given !== undefined) return given
  const file = folderOf(env.HF_TOKEN_PATH) ?? join(hubHome(env), 'token')
  return clean(await readFile(file, 'utf8').catch(() => undefined))
}

/** A line break in a token would end the header. */
function clean(token: string | undefined): string | undefined {
  return token?.replace(/[\r\n]/g, '').trim() || undefined
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '')
}
