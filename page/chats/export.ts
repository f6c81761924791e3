import type { Chat, Turn } from './chat.js'

/** A chat as a Markdown document. */
export function asMarkdown({ title, settings: { system }, turns }: Chat): string {
  const parts = [`# ${title}`]
  if (system !== '') parts.push('## System', system)
  for (const turn of turns) parts.push(...partsOf(turn))
  return `${parts.join('\n\n')}\n`
}

function partsOf(turn: Turn): string[] {
  if (turn.role === 'user') return ['## You', turn.text]
  if (turn.role === 'tool') return ['## Tool', fenced(turn.text)]
  const parts = [turn.model === '' ? '## Assistant' : `## Assistant (${turn.model})`]
  if (turn.reasoning !== '') parts.push('> Reasoning', quoted(turn.reasoning))
  if (turn.text !== '') parts.push(turn.json ? fenced(turn.text, 'json') : turn.text)
  for (const { name, arguments: given } of turn.toolCalls) parts.push(`Calls \`${name}\`:`, fenced(given, 'json'))
  if (turn.error !== undefined) parts.push(`Failed: ${turn.error}`)
  return parts
}

const quoted = (text: string): string => text.replaceAll(/^/gm, '> ')

/** A code block whose fence is longer than any in the text. */
function fenced(text: string, language = ''): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

/** What a file of a chat may be called in every system. */
export function fileName({ title }: Chat, ending: string): string {
  const name = title
    .replaceAll(/[^\p{L}\p{N} ._-]/gu, '')
    .replaceAll(/^[. ]+|[. ]+$/g, '')
    .slice(0, 60)
  return `${name || 'chat'}.${ending}`
}
