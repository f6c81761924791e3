import type { ChatMessage } from '../../text/template/messages.js'
import type { ResponseObject } from './response.js'

/** A response, and the conversation up to its end. */
export interface StoredResponse {
  response: ResponseObject
  messages: readonly ChatMessage[]
  /** The name of the key that made it; only that one finds it. */
  key: string | undefined
}

/** Responses that a later one can go on from: the last ones, in the memory of this process. */
export class ResponseStore {
  readonly #responses = new Map<string, StoredResponse>()
  readonly #most: number

  /** @param most how many are kept; the oldest is forgotten first */
  constructor(most: number) {
    this.#most = most
  }

  add(stored: StoredResponse): void {
    this.#responses.set(stored.response.id, stored)
    for (const id of this.#responses.keys()) {
      if (this.#responses.size <= this.#most) return
      this.#responses.delete(id)
    }
  }

  get(id: string, key: string | undefined): StoredResponse | undefined {
    const found = this.#responses.get(id)
    return found?.key === key ? found : undefined
  }

  delete(id: string): void {
    this.#responses.delete(id)
  }
}
