import type { HubOptions } from './settings.js'

export async function httpsText(
  _url: string | URL,
  _options: Pick<HubOptions, 'endpoint' | 'token' | 'signal'> & { limit: number },
): Promise<string> {
  throw new Error('not built yet')
}
