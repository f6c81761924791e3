import { readFile, stat, writeFile } from 'node:fs/promises'
import { type ChatMessage, checkMessages } from '../text/template/messages.js'

/** Bytes that a saved chat may have. */
const maxBytes = 16 * 1024 * 1024

/** A turn: what the user said, and the answer. */
type Turn = readonly [user: ChatMessage, answer: ChatMessage]

/** What a chat sends: a system message, if there is one, and the turns. It can be kept in a file, as an array of chat messages. */
export class Conversation {
  #system: ChatMessage[] = []
  #turns: Turn[] = []

  /** @param system undefined or '' for none */
  constructor(system?: string) {
    this.setSystem(system ?? '')
  }

  /** What the model gets. */
  get messages(): ChatMessage[] {
    return [...this.#system, ...this.#turns.flat()]
  }

  /** How often there was an answer. */
  get turns(): number {
    return this.#turns.length
  }

  /** @param text '' for none */
  setSystem(text: string): void {
    this.#system = text === '' ? [] : [{ role: 'system', content: text }]
  }

  /** Forgets the turns. */
  reset(): void {
    this.#turns = []
  }

  add(turn: Turn): void {
    this.#turns.push(turn)
  }

  /** Takes the last turn away. */
  takeBack(): Turn | undefined {
    return this.#turns.pop()
  }

  /**
   * Writes the chat, readable for its user only.
   * @throws Error when there is nothing to write, when the file holds something that is no chat, or cannot be written
   */
  async save(path: string): Promise<void> {
    if (this.messages.length === 0) throw new Error('there is nothing to save yet')
    const isThere = await stat(path).then(
      () => true,
      () => false,
    )
    if (isThere) await readChat(path)
    await writeFile(path, `${JSON.stringify(this.messages, null, 2)}\n`, { mode: 0o600 })
  }

  /**
   * Takes the chat of a file instead of this one, which stays when that fails.
   * @throws Error that names the file, what was expected and what was found
   */
  async load(path: string): Promise<void> {
    const { system, turns } = await readChat(path)
    this.#system = system
    this.#turns = turns
  }
}

async function readChat(path: string): Promise<{ system: ChatMessage[]; turns: Turn[] }> {
  const stats = await stat(path)
  // A pipe would block for ever.
  if (!stats.isFile()) throw new Error(`${path}: expected a regular file`)
  if (stats.size > maxBytes) throw new Error(`${path}: expected at most ${maxBytes} bytes, found ${stats.size}`)
  let messages: readonly ChatMessage[]
  try {
    messages = checkMessages(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new Error(`${path}: expected a JSON array of chat messages (${(cause as Error).message})`, { cause })
  }
  const system = messages[0]?.role === 'system' ? messages.slice(0, 1) : []
  const rest = messages.slice(system.length)
  const turns: Turn[] = []
  for (let i = 0; i < rest.length; i += 2) {
    const [user, answer] = [rest[i], rest[i + 1]]
    if (user?.role !== 'user' || answer?.role !== 'assistant')
      throw new Error(
        `${path}: expected messages of user and assistant by turns, found ${user?.role} and ${answer?.role ?? 'nothing'}`,
      )
    turns.push([user, answer])
  }
  return { system: [...system], turns }
}
