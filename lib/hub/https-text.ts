import { LLMError } from '../errors.js'
import { HubClient, shortText, shown } from './client.js'
import { type HubOptions, hubSettings } from './settings.js'
import { textOf } from './text-of.js'

/**
 * Fetches a text, such as a model.yaml. The token of the hub goes along when the address is the hub's.
 *
 * @param limit bytes that it may have
 * @throws TypeError when the address is not https: (http: will do on this machine); LLMError ERR_OFFLINE, ERR_NETWORK, ERR_ACCESS or
 * ERR_MODEL_NOT_FOUND; `signal.reason` when aborted
 */
export async function httpsText(
  address: string | URL,
  { limit, signal, ...options }: HubOptions & { limit: number },
): Promise<string> {
  const url = new URL(address)
  const here = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && here))
    throw new TypeError(`expected an https: address, received ${JSON.stringify(shown(url))}`)
  const settings = await hubSettings(options)
  if (settings.offline) throw new LLMError('ERR_OFFLINE', `${shown(url)}: the network may not be used`)
  const client = new HubClient(settings)
  try {
    const answer = await client.get(url, { signal })
    const { statusCode } = answer
    if (statusCode === 200) return await textOf(answer, limit)
    const said = await shortText(answer)
    const code =
      statusCode === 404 || statusCode === 410
        ? 'ERR_MODEL_NOT_FOUND'
        : statusCode === 401 || statusCode === 403
          ? 'ERR_ACCESS'
          : 'ERR_NETWORK'
    throw new LLMError(code, `${shown(url)}: the server answers ${statusCode}${said && `: ${said}`}`)
  } finally {
    await client.close()
  }
}
