import { createHash } from 'node:crypto'
import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { shownTools, toolDefaults } from '../options/tools.js'
import { isHarmony } from '../output/formats/reasoning.js'
import { callFormats, callsIn, writesOneCall } from '../output/formats/tool-calls.js'
import { type ChatMessage, callsAsObjects, textOf, withCalls, withText } from '../text/template/messages.js'

/**
 * The messages as a template can show them. What one cannot show of tools and their calls is put where it looks: an earlier call may never
 * vanish from what the model sees.
 */
export function toolHistory(
  template: string,
  messages: readonly ChatMessage[],
  options: GenerationOptions,
): readonly ChatMessage[] {
  const { toolCallParser = toolDefaults.toolCallParser } = options
  const family = toolCallParser === 'auto' ? callsIn(template) : toolCallParser
  const format = family === undefined || family === 'harmony' ? undefined : callFormats[family]
  let history = withTools(template, messages.map(withoutNoCalls), options)
  if (!history.some(hasCalls)) return history
  if (family !== undefined && writesOneCall(family)) history = history.flatMap(oneByOne(history))
  if (format?.callId) history = withIds(history, format.callId.isOne)
  if (isHarmony(template)) history = history.map(thoughtsOnly)
  if (!template.includes('tool_calls')) {
    const write = format?.write
    return write === undefined ? history : history.map((message) => withWritten(message, write))
  }
  return takesResponses(template) ? withResponses(history) : history
}

const hasCalls = (message: ChatMessage): boolean => (message.tool_calls?.length ?? 0) > 0

/** Some templates take an empty list for a call. */
function withoutNoCalls(message: ChatMessage): ChatMessage {
  if (message.tool_calls === undefined || hasCalls(message)) return message
  const { tool_calls: _, ...rest } = message
  return rest
}

/** Phi-4-mini's template shows the tools of the system message, as JSON. */
function withTools(
  template: string,
  messages: readonly ChatMessage[],
  options: GenerationOptions,
): readonly ChatMessage[] {
  const tools = toolsOf(options)
  if (tools === undefined || !/message(\.tools\b|\[['"]tools['"]\])/.test(template)) return messages
  const field = { tools: JSON.stringify(shownTools(tools).map((tool) => tool.function)) }
  const at = messages.findIndex(({ role }) => role === 'system')
  if (at < 0) return [{ role: 'system', content: options.systemPrompt ?? '', ...field }, ...messages]
  return messages.map((message, i) => (i === at ? { ...message, ...field } : message))
}

/** Each call in a message of its own, and behind it what the tool said. */
function oneByOne(messages: readonly ChatMessage[]): (message: ChatMessage, i: number) => ChatMessage[] {
  const moved = new Set<ChatMessage>()
  return (message, i) => {
    if (moved.has(message)) return []
    const calls = message.tool_calls ?? []
    if (calls.length < 2) return [message]
    const end = messages.findIndex(({ role }, at) => at > i && role !== 'tool')
    const results = messages.slice(i + 1, end < 0 ? undefined : end)
    for (const result of results) moved.add(result)
    const of = (id: string | undefined, at: number) =>
      results.filter((result, k) => (result.tool_call_id === undefined ? k === at : result.tool_call_id === id))
    return calls.flatMap((call, at) => [
      at === 0 ? { ...message, tool_calls: [call] } : { role: message.role, content: '', tool_calls: [call] },
      ...of(call.id, at),
    ])
  }
}

/** With ids in the form that the template demands. */
function withIds(messages: readonly ChatMessage[], isOne: (id: string) => boolean): ChatMessage[] {
  const own = (id: string): string => (isOne(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 9))
  let waiting: string[] = []
  return messages.map((message, i) => {
    if (hasCalls(message)) {
      const calls = (message.tool_calls ?? []).map((call, at) => ({ ...call, id: own(call.id ?? `${i}.${at}`) }))
      waiting = calls.map(({ id }) => id)
      return { ...message, tool_calls: calls }
    }
    if (message.role !== 'tool') return message
    const { tool_call_id: id = waiting[0] } = message
    if (id === undefined) return message
    waiting = waiting.filter((one) => one !== own(id))
    return { ...message, tool_call_id: own(id) }
  })
}

/** Harmony's template takes either a text or thoughts beside a call, and shows both as thoughts. */
function thoughtsOnly(message: ChatMessage): ChatMessage {
  const name = (['reasoning_content', 'reasoning', 'thinking'] as const).find((one) => message[one])
  if (!hasCalls(message) || name === undefined || textOf(message) === '') return message
  return { ...message, content: '', [name]: `${message[name]}\n\n${textOf(message)}` }
}

/** The calls in the text of their message. */
function withWritten(message: ChatMessage, write: NonNullable<(typeof callFormats)['hermes']['write']>): ChatMessage {
  if (!hasCalls(message)) return message
  const calls = withCalls([message], callsAsObjects)[0]?.tool_calls ?? []
  const written = write(
    calls.map((call) => ('function' in call ? call.function : call) as Parameters<typeof write>[0][number]),
  )
  const text = textOf(message)
  return withText(message, text === '' ? written : `${text}\n${written}`)
}

/** Whether the results of tools are a field of the message that called them, and no messages. */
const takesResponses = (template: string): boolean =>
  template.includes('tool_responses') && !/['"]tool['"]/.test(template)

function withResponses(messages: readonly ChatMessage[]): ChatMessage[] {
  const history: ChatMessage[] = []
  let caller: ChatMessage | undefined
  for (const message of messages) {
    if (message.role === 'tool' && caller) {
      const called = (withCalls([caller], callsAsObjects)[0]?.tool_calls ?? []) as {
        id?: string
        function: { name: string }
      }[]
      const name = called.find(({ id }) => id !== undefined && id === message.tool_call_id)?.function.name
      const given = name ?? message['name'] ?? called[0]?.function.name
      const responses = (caller['tool_responses'] ?? []) as object[]
      caller['tool_responses'] = [...responses, { name: given, response: responseOf(textOf(message)) }]
      continue
    }
    caller = hasCalls(message) ? { ...message } : undefined
    history.push(caller ?? message)
  }
  return history
}

/** A result that is a JSON object is shown as one. */
function responseOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : text
  } catch {
    return text
  }
}
