import { createHash, timingSafeEqual } from 'node:crypto'
import { ApiError } from './api-error.js'
import type { ApiKey } from './options.js'

/** A key as the server keeps it. */
export interface KnownKey {
  name: string
  hash: Buffer
  /** Of every request with it; undefined leaves that to the requests. */
  priority: number | undefined
}

const digest = (key: string): Buffer => createHash('sha256').update(key).digest()

/** Keys of clients. Only their hashes are kept. */
export class ApiKeys {
  #keys: readonly KnownKey[]

  constructor(keys: readonly (string | ApiKey)[]) {
    this.#keys = known(keys)
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0
  }

  replace(keys: readonly (string | ApiKey)[]): void {
    this.#keys = known(keys)
  }

  /**
   * The key that a request was sent with; undefined when none is needed. Takes the same time whichever key it is.
   * @throws ApiError 401
   */
  of(headers: Headers): KnownKey | undefined {
    if (this.isEmpty) return undefined
    // `x-api-key` is Anthropic's.
    const sent = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? ''
    const hash = digest(sent)
    let found: KnownKey | undefined
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key
    if (found !== undefined) return found
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

function known(keys: readonly (string | ApiKey)[]): KnownKey[] {
  return keys.map((each, i) => {
    if (typeof each === 'string') return { name: `key ${i + 1}`, hash: digest(each), priority: undefined }
    const hash = each.sha256 === undefined ? digest(each.key as string) : Buffer.from(each.sha256, 'hex')
    return { name: each.name, hash, priority: each.priority }
  })
}
