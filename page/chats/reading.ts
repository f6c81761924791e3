import {
  type AssistantTurn,
  type Chat,
  type ChatSettings,
  defaultSettings,
  type Figures,
  type ToolCall,
  type Turn,
} from './chat.js'

/** Something of which nothing is known yet. */
type Unknown = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const amount = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** A chat out of what was stored; undefined for something else. Whatever was stored, all its fields have their types. */
export function readChat(stored: unknown): Chat | undefined {
  if (!isObject(stored)) return undefined
  const { id, title, created, updated, settings, turns } = stored
  if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id) || !Array.isArray(turns)) return undefined
  return {
    id,
    title: text(title).slice(0, 200) || 'Chat',
    created: amount(created),
    updated: amount(updated),
    settings: readSettings(settings),
    turns: turns.map(readTurn).filter((turn) => turn !== undefined),
  }
}

/** Settings out of what was stored; what is missing or wrong is the default's. */
export function readSettings(stored: unknown): ChatSettings {
  const given = isObject(stored) ? stored : {}
  const settings: Record<string, unknown> = { ...defaultSettings }
  for (const [name, value] of Object.entries(defaultSettings)) {
    const found = Object.hasOwn(given, name) ? given[name] : undefined
    if (value === null ? Number.isFinite(found) : typeof found === 'string') settings[name] = found
  }
  if (!['', 'none', 'low', 'medium', 'high'].includes(settings['reasoning'] as string)) settings['reasoning'] = ''
  if (!['text', 'json', 'schema'].includes(settings['format'] as string)) settings['format'] = 'text'
  return settings as unknown as ChatSettings
}

function readTurn(stored: unknown): Turn | undefined {
  if (!isObject(stored)) return undefined
  switch (stored['role']) {
    case 'user':
      return { role: 'user', text: text(stored['text']) }
    case 'tool':
      return { role: 'tool', callId: text(stored['callId']), text: text(stored['text']) }
    case 'assistant':
      return readAnswer(stored)
    default:
      return undefined
  }
}

function readAnswer(stored: Unknown): AssistantTurn {
  const { error, figures } = stored
  return {
    role: 'assistant',
    text: text(stored['text']),
    reasoning: text(stored['reasoning']),
    toolCalls: list(stored['toolCalls'])
      .map(readCall)
      .filter((call) => call !== undefined),
    model: text(stored['model']),
    json: stored['json'] === true,
    // One that was still coming when the page was closed has ended since.
    finish: text(stored['finish']) || 'stopped',
    ...(typeof error === 'string' && { error }),
    ...(isObject(figures) && { figures: readFigures(figures) }),
  }
}

function readCall(stored: unknown): ToolCall | undefined {
  if (!isObject(stored)) return undefined
  return { id: text(stored['id']), name: text(stored['name']), arguments: text(stored['arguments']) }
}

function readFigures({ firstToken, tokens, promptTokens, cachedTokens, tokensPerSecond }: Unknown): Figures {
  return {
    firstToken: amount(firstToken),
    tokens: amount(tokens),
    promptTokens: amount(promptTokens),
    cachedTokens: amount(cachedTokens),
    tokensPerSecond: amount(tokensPerSecond),
  }
}
