import { LLMError } from '../errors.js'
import { type ConnectOptions, connectDefaults, connectTable, isHeader, type ServerKind } from '../options/connect.js'
import { generationTable } from '../options/generation.js'
import * as check from '../options/rules.js'
import { ConnectedModel } from './connected-model.js'
import { HttpClient } from './http-client.js'
import { splitOptions } from './request-options.js'
import { servers } from './servers.js'

/** One model of a server's list. */
interface ListedModel {
  id: string
  aliases: readonly string[]
  owner: string
  contextLength: number | null
}

/** Connects to a model of a server: see `LLM.connect`. */
export async function connect(address: string | URL, options: ConnectOptions = {}): Promise<ConnectedModel> {
  check.checkOptions(options, connectTable, 'ConnectOptions')
  const baseUrl = baseUrlOf(address)
  const { apiKey, model: wanted, server: known, headers = {}, defaults = {}, signal } = options
  if (apiKey !== undefined && (apiKey === '' || !isHeader(apiKey))) {
    throw new TypeError('expected apiKey to be visible ASCII characters')
  }
  check.checkOptions(defaults, generationTable, 'defaults')
  const settings = {
    ...connectDefaults,
    ...Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)),
  }
  const http = new HttpClient({ ...settings, baseUrl, apiKey, headers })
  try {
    const models = modelsIn(await http.json({ method: 'GET', path: 'models', signal }), http.address('models'))
    const model = chosen(models, wanted, baseUrl)
    const server = known ?? (await kindOf(http, model, signal))
    const { own } = splitOptions(defaults, servers[server])
    const [name] = Object.keys(own)
    if (name !== undefined) throw new TypeError(`option ${name} can only be set for each request`)
    const info = { baseUrl: baseUrl.href, model: wanted ?? model.id, server, contextLength: model.contextLength }
    return new ConnectedModel(info, http, defaults)
  } catch (error) {
    await http.close()
    throw error
  }
}

/** @throws TypeError for what is no address, or holds what does not belong there */
function baseUrlOf(address: string | URL): URL {
  const url = URL.canParse(String(address)) ? new URL(address) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TypeError(`expected baseUrl to be an http: or https: address, received ${check.describe(address)}`)
  }
  // An address goes into messages.
  if (url.username !== '' || url.password !== '')
    throw new TypeError('expected baseUrl without a user: give the key as apiKey')
  if (url.search !== '' || url.hash !== '') throw new TypeError('expected baseUrl without a query or fragment')
  url.pathname = url.pathname === '/' ? '/v1' : url.pathname.replace(/\/+$/, '')
  return url
}

/** @throws LLMError `ERR_NETWORK` when it is no list of models */
function modelsIn(answer: unknown, where: string): ListedModel[] {
  const { data } = (answer ?? {}) as { data?: unknown }
  if (!Array.isArray(data)) throw new LLMError('ERR_NETWORK', `${where}: expected data to be an array of models`)
  return data.flatMap((one) => {
    const { id, aliases, owned_by: owner, max_model_len: length } = (one ?? {}) as Record<string, unknown>
    if (typeof id !== 'string') return []
    return {
      id,
      aliases: Array.isArray(aliases) ? aliases : [],
      owner: String(owner ?? ''),
      contextLength: typeof length === 'number' ? length : null,
    }
  })
}

/** @throws LLMError `ERR_MODEL_NOT_FOUND` when it is not there; `ERR_REFERENCE` when nothing says which of several */
function chosen(models: readonly ListedModel[], wanted: string | undefined, { href }: URL): ListedModel {
  const names = models.map(({ id }) => id)
  const there = names.length === 0 ? 'it has none' : `it has ${names.slice(0, 50).join(', ')}`
  const found = models.find(({ id, aliases }) => wanted === undefined || id === wanted || aliases.includes(wanted))
  if (found === undefined) {
    throw new LLMError(
      'ERR_MODEL_NOT_FOUND',
      `${href} has no model${wanted === undefined ? '' : ` ${wanted}`}: ${there}`,
    )
  }
  if (wanted === undefined && models.length > 1) {
    throw new LLMError('ERR_REFERENCE', `${href} has several models, and the option model names none: ${there}`)
  }
  return found
}

/** What kind of server has this model. LocalAI does not say whose its models are, but has a page about itself. */
async function kindOf(http: HttpClient, { owner }: ListedModel, signal: AbortSignal | undefined): Promise<ServerKind> {
  const kinds = Object.entries(servers) as [ServerKind, (typeof servers)[ServerKind]][]
  const found = kinds.find(([, { owner: theirs }]) => theirs !== undefined && theirs === owner)?.[0]
  if (found !== undefined || owner !== '') return found ?? 'openai'
  try {
    await http.json({ method: 'GET', path: '../.well-known/localai.json', signal })
    return 'localai'
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof LLMError && error.code === 'ERR_MODEL_NOT_FOUND') return 'openai'
    throw error
  }
}
