import { eventData } from './events.js'

/** An error that the server answered with. */
export class ServerError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The server that the page came from. Addresses are relative: it may be mounted below a path. */
export class Client {
  /** What requests are sent with; '' for none. */
  apiKey: string
  readonly #fetch: typeof fetch

  constructor(apiKey: string, fetcher: typeof fetch = (...given) => fetch(...given)) {
    this.apiKey = apiKey
    this.#fetch = fetcher
  }

  /** The names of the models. @throws ServerError */
  async models(): Promise<string[]> {
    const { data } = (await (await this.#ask('v1/models', {})).json()) as { data?: { id?: unknown }[] }
    return (Array.isArray(data) ? data : []).map((model) => String(model?.id ?? '')).filter((name) => name !== '')
  }

  /** In Prometheus' text format. @throws ServerError */
  async metrics(signal: AbortSignal): Promise<string> {
    return await (await this.#ask('metrics', { signal })).text()
  }

  /** The data of a streamed answer's events. @throws ServerError */
  async *chat(body: object, signal: AbortSignal): AsyncGenerator<string> {
    const response = await this.#ask('v1/chat/completions', { method: 'POST', body: JSON.stringify(body), signal })
    if (!response.body) throw new Error('the server sent nothing')
    for await (const data of eventData(response.body)) {
      if (data === '[DONE]') return
      yield data
    }
    throw new Error('the connection ended before the answer did')
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (this.apiKey !== '') headers['authorization'] = `Bearer ${this.apiKey}`
    const response = await this.#fetch(path, { ...init, headers, credentials: 'omit', redirect: 'error' })
    if (response.ok) return response
    throw new ServerError(response.status, await messageOf(response))
  }
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    if (typeof error?.message === 'string') return error.message
  } catch {
    // A proxy between answers in its own words.
  }
  return `the server answered with status ${response.status}`
}
