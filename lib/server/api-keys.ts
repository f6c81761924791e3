import { createHash, timingSafeEqual } from 'node:crypto'
import { ApiError } from './api-error.js'
import type { ApiKey } from './options.js'

const digest = (key: string): Buffer => createHash('sha256').update(key).digest()

/** Keys of clients. Only their hashes are kept. */
export class ApiKeys {
  readonly #keys: readonly { name: string; hash: Buffer }[]

  constructor(keys: readonly (string | ApiKey)[]) {
    this.#keys = keys.map((each, i) =>
      typeof each === 'string'
        ? { name: `key ${i + 1}`, hash: digest(each) }
        : { name: each.name, hash: digest(each.key) },
    )
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0
  }

  /**
   * The name of the key that a request was sent with; undefined when none is needed. Takes the same time whichever key it is.
   * @throws ApiError 401
   */
  nameOf(headers: Headers): string | undefined {
    if (this.isEmpty) return undefined
    // `x-api-key` is Anthropic's.
    const sent = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? ''
    const hash = digest(sent)
    let name: string | undefined
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) name = key.name
    if (name !== undefined) return name
    throw new ApiError(
      401,
      sent === '' ? 'an API key is needed: Authorization: Bearer KEY' : 'this API key is unknown',
      {
        type: 'authentication_error',
        code: 'invalid_api_key',
      },
    )
  }
}
