import { Answer } from './api/answer.js'
import { type Client, ServerError } from './api/client.js'
import { requestOf } from './api/request.js'
import {
  type AssistantTurn,
  type Chat,
  type ChatSettings,
  newChat,
  openCalls,
  type Turn,
  titleOf,
} from './chats/chat.js'
import type { ChatStore } from './chats/store.js'

/** All that the page knows and does, without what it looks like. */
export class Session {
  readonly client: Client
  readonly store: ChatStore
  chats: Chat[]
  chat: Chat
  /** Names of the server's models; empty until they are known. */
  models: string[] = []
  /** What went wrong outside of an answer. */
  notice = ''
  /** Whether the server wants another API key than it gets. */
  needsKey = false
  /** The answer that is coming, if one is, and what stops it. */
  #running: { chat: Chat; turn: AssistantTurn; controller: AbortController } | undefined
  readonly #listeners = new Set<() => void>()

  constructor(client: Client, store: ChatStore) {
    this.client = client
    this.store = store
    this.chats = store.chats()
    this.chat = newChat(store.settings)
  }

  /** @param listener is called after each change @returns ends that */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  get isAnswering(): boolean {
    return this.#running !== undefined
  }

  /** The answer that is coming, when it belongs to the chat that is shown. */
  get coming(): AssistantTurn | undefined {
    return this.#running?.chat === this.chat ? this.#running.turn : undefined
  }

  /** The model that the chat is asked of. */
  get model(): string {
    const { model } = this.chat.settings
    return this.models.includes(model) ? model : (this.models[0] ?? model)
  }

  /** Asks the server for its models. */
  async connect(): Promise<void> {
    try {
      this.models = await this.client.models()
      this.needsKey = false
      this.notice = ''
    } catch (error) {
      this.#fail(error)
    }
    this.#changed()
  }

  async useKey(apiKey: string): Promise<void> {
    this.client.apiKey = apiKey
    await this.connect()
  }

  /** Goes without; what the server refuses says so. */
  declineKey(): void {
    this.needsKey = false
    this.#changed()
  }

  /** Asks for a question's answer. */
  async send(text: string): Promise<void> {
    if (this.isAnswering || text.trim() === '') return
    if (this.chat.turns.length === 0) this.chat.title = titleOf(text)
    await this.#continue([...this.chat.turns, { role: 'user', text }])
  }

  /** Asks again from a question on, in other words; what was said after it is dropped. */
  async edit(index: number, text: string): Promise<void> {
    if (this.isAnswering || text.trim() === '') return
    if (index === 0) this.chat.title = titleOf(text)
    await this.#continue([...this.chat.turns.slice(0, index), { role: 'user', text }])
  }

  /** Asks for the last answer anew. */
  async retry(): Promise<void> {
    const { turns } = this.chat
    const last = turns.at(-1)
    if (this.isAnswering || !last) return
    await this.#continue(last.role === 'assistant' ? turns.slice(0, -1) : turns)
  }

  /** Goes on with what the tools of the last answer gave. @param results by the id of a call */
  async sendResults(results: ReadonlyMap<string, string>): Promise<void> {
    if (this.isAnswering) return
    const turns = openCalls(this.chat).map(
      ({ id }): Turn => ({ role: 'tool', callId: id, text: results.get(id) ?? '' }),
    )
    if (turns.length > 0) await this.#continue([...this.chat.turns, ...turns])
  }

  stop(): void {
    this.#running?.controller.abort()
  }

  startChat(): void {
    this.chat = newChat(this.store.settings)
    this.#changed()
  }

  open(id: string): void {
    const chat = this.chats.find((each) => each.id === id)
    if (chat) this.chat = chat
    this.#changed()
  }

  delete(id: string): void {
    if (this.#running?.chat.id === id) this.stop()
    this.chats = this.chats.filter((chat) => chat.id !== id)
    this.store.delete(id)
    if (this.chat.id === id) this.chat = newChat(this.store.settings)
    this.#changed()
  }

  deleteAll(): void {
    for (const { id } of this.chats) this.delete(id)
  }

  /** Changes the settings of this chat, and of new ones. */
  set(settings: Partial<ChatSettings>): void {
    this.chat.settings = { ...this.chat.settings, ...settings }
    this.#keep(() => {
      this.store.settings = this.chat.settings
      if (this.chat.turns.length > 0) this.store.save(this.chat)
    })
    this.#changed()
  }

  dismiss(): void {
    this.notice = ''
    this.#changed()
  }

  /** Asks for what comes after these turns. */
  async #continue(turns: Turn[]): Promise<void> {
    const { chat, model } = this
    const json = chat.settings.format !== 'text'
    const turn: AssistantTurn = { role: 'assistant', text: '', reasoning: '', toolCalls: [], model, json }
    const controller = new AbortController()
    this.#running = { chat, turn, controller }
    chat.turns = [...turns, turn]
    chat.updated = Date.now()
    this.chats = [chat, ...this.chats.filter(({ id }) => id !== chat.id)]
    this.#keep(() => this.store.save(chat))
    this.#changed()
    try {
      const answer = new Answer(turn, () => performance.now())
      const body = requestOf({ settings: chat.settings, turns }, model)
      for await (const data of this.client.chat(body, controller.signal)) {
        answer.add(data)
        this.#changed()
      }
      turn.finish ??= 'stop'
    } catch (error) {
      turn.finish = controller.signal.aborted ? 'stopped' : 'error'
      if (turn.finish === 'error') turn.error = this.#explain(error)
    }
    this.#running = undefined
    chat.updated = Date.now()
    // It may have been deleted meanwhile.
    if (this.chats.includes(chat)) this.#keep(() => this.store.save(chat))
    this.#changed()
  }

  #fail(error: unknown): void {
    this.notice = this.#explain(error)
  }

  #explain(error: unknown): string {
    if (error instanceof ServerError && error.status === 401) this.needsKey = true
    // A browser says no more than that when nobody answers.
    if (error instanceof TypeError) return 'the server does not answer'
    return error instanceof Error ? error.message : String(error)
  }

  /** Does what may fail for want of room in the browser's storage. */
  #keep(write: () => void): void {
    try {
      write()
    } catch {
      this.notice = 'The browser has no room left for this chat: export or delete older ones.'
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
