import type { Chat, ChatSettings, Turn } from '../chats/chat.js'

/** The body of a streamed request for the next answer of a chat. @throws Error for a schema or tools that are not JSON */
export function requestOf({ settings, turns }: Pick<Chat, 'settings' | 'turns'>, model: string): object {
  const { system } = settings
  const messages = turns.flatMap(messagesOf)
  if (system.trim() !== '') messages.unshift({ role: 'system', content: system })
  return {
    ...(model !== '' && { model }),
    messages,
    ...optionsOf(settings),
    stream: true,
    stream_options: { include_usage: true },
  }
}

/** A turn as OpenAI's message. An answer that failed before it said anything is left out. */
function messagesOf(turn: Turn): object[] {
  switch (turn.role) {
    case 'user':
      return [{ role: 'user', content: turn.text }]
    case 'tool':
      return [{ role: 'tool', tool_call_id: turn.callId, content: turn.text }]
    case 'assistant': {
      const { text, toolCalls } = turn
      if (text === '' && toolCalls.length === 0) return []
      const calls = toolCalls.map(({ id, name, arguments: given }) => ({
        id,
        type: 'function',
        function: { name, arguments: given },
      }))
      return [{ role: 'assistant', content: text, ...(calls.length > 0 && { tool_calls: calls }) }]
    }
  }
}

/** Numbers of the settings by their names in requests. */
const numbers = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  min_p: 'minP',
  max_tokens: 'maxTokens',
  repetition_penalty: 'repetitionPenalty',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
  seed: 'seed',
} as const satisfies Record<string, keyof ChatSettings>

function optionsOf(settings: ChatSettings): object {
  const options: Record<string, unknown> = {}
  for (const [field, name] of Object.entries(numbers)) {
    if (settings[name] !== null) options[field] = settings[name]
  }
  const stop = settings.stop.split('\n').filter((line) => line !== '')
  if (stop.length > 0) options['stop'] = stop
  if (settings.reasoning !== '') options['reasoning_effort'] = settings.reasoning
  if (settings.format === 'json') options['response_format'] = { type: 'json_object' }
  if (settings.format === 'schema') {
    const schema = parsed('JSON Schema', settings.schema, (value) => typeof value === 'object' && value !== null)
    options['response_format'] = { type: 'json_schema', json_schema: { name: 'answer', schema } }
  }
  if (settings.tools.trim() !== '') options['tools'] = parsed('Tools', settings.tools, Array.isArray)
  return options
}

function parsed(name: string, text: string, accepts: (value: unknown) => boolean): unknown {
  const problem = jsonProblem(text, accepts)
  if (problem !== undefined) throw new Error(`${name}: ${problem}`)
  return JSON.parse(text)
}

/** What is wrong with a text that should be JSON of a kind; undefined when nothing is. */
export function jsonProblem(text: string, accepts: (value: unknown) => boolean): string | undefined {
  try {
    return accepts(JSON.parse(text)) ? undefined : 'this is JSON, but of another kind than expected'
  } catch (error) {
    return `this is not JSON: ${(error as Error).message}`
  }
}
