/** A chat with a model, as the browser keeps it. */
export interface Chat {
  id: string
  title: string
  /** Milliseconds since 1970. */
  created: number
  updated: number
  settings: ChatSettings
  turns: Turn[]
}

export type Turn = UserTurn | AssistantTurn | ToolTurn

export interface UserTurn {
  role: 'user'
  text: string
}

export interface AssistantTurn {
  role: 'assistant'
  text: string
  reasoning: string
  toolCalls: ToolCall[]
  /** Which model it was, by its name. */
  model: string
  /** Whether the answer was bound to JSON. */
  json: boolean
  /** OpenAI's, or 'stopped' by the user, or 'error'; undefined while it comes. */
  finish?: string
  /** What went wrong. */
  error?: string
  figures?: Figures
}

/** The result of a tool, which the user gives. */
export interface ToolTurn {
  role: 'tool'
  callId: string
  text: string
}

export interface ToolCall {
  id: string
  name: string
  /** JSON, or its beginning. */
  arguments: string
}

/** What an answer took. Times are the browser's. */
export interface Figures {
  /** Milliseconds from the request to the first token. */
  firstToken: number
  tokens: number
  promptTokens: number
  cachedTokens: number
  /** Of the tokens after the first; 0 when there was only one. */
  tokensPerSecond: number
}

/** What is asked for in every request of a chat. A number that is null is left to the server. */
export interface ChatSettings {
  /** '' is the first model of the server. */
  model: string
  system: string
  temperature: number | null
  topP: number | null
  topK: number | null
  minP: number | null
  maxTokens: number | null
  repetitionPenalty: number | null
  presencePenalty: number | null
  frequencyPenalty: number | null
  seed: number | null
  /** One text a line. */
  stop: string
  reasoning: '' | 'none' | 'low' | 'medium' | 'high'
  format: 'text' | 'json' | 'schema'
  /** A JSON Schema, as text. */
  schema: string
  /** Descriptions of functions in OpenAI's form, as a JSON array; '' is none. */
  tools: string
}

export const defaultSettings: Readonly<ChatSettings> = {
  model: '',
  system: '',
  temperature: null,
  topP: null,
  topK: null,
  minP: null,
  maxTokens: null,
  repetitionPenalty: null,
  presencePenalty: null,
  frequencyPenalty: null,
  seed: null,
  stop: '',
  reasoning: '',
  format: 'text',
  schema: '',
  tools: '',
}

/** A chat that nothing was said in. */
export function newChat(settings: ChatSettings): Chat {
  const now = Date.now()
  // crypto.randomUUID needs HTTPS or loopback.
  const id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
  return { id, title: 'New chat', created: now, updated: now, settings: { ...settings }, turns: [] }
}

/** What a chat is called after: its first words. */
export function titleOf(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57).trimEnd()}…` : line || 'New chat'
}

/** The calls of the last answer that have no result yet. */
export function openCalls({ turns }: Pick<Chat, 'turns'>): ToolCall[] {
  const index = turns.findLastIndex(({ role }) => role === 'assistant')
  const answer = turns[index]
  if (answer?.role !== 'assistant') return []
  const answered = new Set(turns.slice(index).map((turn) => (turn.role === 'tool' ? turn.callId : undefined)))
  return answer.toolCalls.filter(({ id }) => !answered.has(id))
}
