import type { AssistantTurn } from '../chats/chat.js'

const ends: Readonly<Record<string, string>> = {
  length: 'cut at its longest',
  stopped: 'stopped',
  content_filter: 'filtered',
}

/** What an answer took: time to first token, tokens per second, tokens. */
export function FiguresLine({ turn: { figures, finish = '' } }: { turn: AssistantTurn }) {
  const parts: string[] = []
  if (figures) {
    const { firstToken, tokensPerSecond, tokens, promptTokens, cachedTokens } = figures
    parts.push(`first token ${duration(firstToken)}`)
    if (tokensPerSecond > 0) parts.push(`${tokensPerSecond.toFixed(1)} tokens/s`)
    parts.push(`${tokens} tokens`)
    parts.push(`prompt ${promptTokens}${cachedTokens > 0 ? ` (${cachedTokens} cached)` : ''}`)
  }
  const end = Object.hasOwn(ends, finish) ? ends[finish] : undefined
  if (end !== undefined) parts.push(end)
  if (parts.length === 0) return null
  return <p class="figures">{parts.join(' · ')}</p>
}

const duration = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`
