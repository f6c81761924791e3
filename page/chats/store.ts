import type { Chat, ChatSettings } from './chat.js'
import { readChat, readSettings } from './reading.js'

/** What the store needs of the browser's `localStorage`. */
export interface Shelf {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const prefix = 'openvino-llm.'
const chatPrefix = `${prefix}chat.`

/**
 * Chats and settings, in this browser only. What is there may be anything: another version wrote it, or somebody who wants to do harm.
 * What cannot be read is left out and stays where it is.
 */
export class ChatStore {
  readonly #shelf: Shelf

  constructor(shelf: Shelf) {
    this.#shelf = shelf
  }

  /** All chats, the last used first. */
  chats(): Chat[] {
    const keys = Array.from({ length: this.#shelf.length }, (_, i) => this.#shelf.key(i))
    const chats = keys.flatMap((key) => {
      const chat = key?.startsWith(chatPrefix) ? readChat(this.#json(key)) : undefined
      // Another key than its own would make it impossible to change.
      return chat && key === chatPrefix + chat.id ? [chat] : []
    })
    return chats.sort((a, b) => b.updated - a.updated)
  }

  /** @throws the browser's QuotaExceededError when there is no room */
  save(chat: Chat): void {
    this.#shelf.setItem(chatPrefix + chat.id, JSON.stringify(chat))
  }

  delete(id: string): void {
    this.#shelf.removeItem(chatPrefix + id)
  }

  /** Those of the last chat, for new ones. */
  get settings(): ChatSettings {
    return readSettings(this.#json(`${prefix}settings`))
  }

  set settings(settings: ChatSettings) {
    this.#shelf.setItem(`${prefix}settings`, JSON.stringify(settings))
  }

  /** '' follows the system. */
  get theme(): 'light' | 'dark' | '' {
    const theme = this.#shelf.getItem(`${prefix}theme`)
    return theme === 'light' || theme === 'dark' ? theme : ''
  }

  set theme(theme: 'light' | 'dark' | '') {
    this.#shelf.setItem(`${prefix}theme`, theme)
  }

  #json(key: string): unknown {
    try {
      return JSON.parse(this.#shelf.getItem(key) ?? 'null')
    } catch {
      return undefined
    }
  }
}
