import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { openCalls } from '../chats/chat.js'
import type { Session } from '../session.js'
import { Icon } from './icons.js'
import { ToolResults } from './tool-results.js'
import { spoken, TurnView } from './turn.js'

/** Pixels from the end within which the view follows what comes. */
const near = 80

/** What was said so far, or what one might say first. */
export function Conversation({ session, onExample }: { session: Session; onExample: (text: string) => void }) {
  const scroller = useRef<HTMLElement>(null)
  const [follows, setFollows] = useState(true)
  const { chat, coming } = session
  const { turns } = chat
  // Another chat is shown from its end.
  useEffect(() => setFollows(true), [chat])
  useLayoutEffect(() => {
    const { current } = scroller
    if (follows && current) current.scrollTop = current.scrollHeight
  })
  const idle = !session.isAnswering
  const calls = idle ? openCalls(chat) : []
  return (
    <section
      class="scroller"
      ref={scroller}
      aria-label="Conversation"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keys
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
        setFollows(scrollHeight - scrollTop - clientHeight < near)
      }
    >
      <div class="column">
        {turns.length === 0 && <Welcome model={session.model} onExample={onExample} />}
        {turns.map((turn, i) => (
          <TurnView
            key={`${chat.id} ${i}`}
            turn={turn}
            isComing={turn === coming}
            onEdit={idle ? (text) => void session.edit(i, text) : undefined}
            onRetry={idle && i === turns.length - 1 ? () => void session.retry() : undefined}
          />
        ))}
        {calls.length > 0 && (
          <ToolResults key={turns.length} calls={calls} onSend={(results) => void session.sendResults(results)} />
        )}
      </div>
      {!follows && (
        <button type="button" class="to-end" onClick={() => setFollows(true)}>
          <Icon name="down" /> Latest
        </button>
      )}
      <Announcer session={session} />
    </section>
  )
}

/** Tells a screen reader when an answer begins, and reads it when it is whole: reading each token would be noise. */
function Announcer({ session: { chat, coming } }: { session: Session }) {
  const last = useRef<typeof coming>(undefined)
  if (coming) last.current = coming
  const ended = !coming && last.current && chat.turns.includes(last.current) ? spoken(last.current) : ''
  return (
    <p class="unseen" role="status">
      {coming ? 'Answering' : ended}
    </p>
  )
}

const examples = [
  ['Explain', 'Why is the sky blue? Answer in three sentences.'],
  ['Write', 'Write a polite e-mail that moves a meeting to Thursday.'],
  ['Code', 'Write a TypeScript function that groups an array by a key.'],
  ['Compare', 'Compare int4 and int8 weights of a language model in a table.'],
] as const

function Welcome({ model, onExample }: { model: string; onExample: (text: string) => void }) {
  return (
    <section class="welcome" aria-labelledby="welcome">
      <h2 id="welcome">Start a chat</h2>
      <p>
        {model === '' ? 'The model' : <strong>{model}</strong>} runs on the machine that serves this page. What you
        write goes there and nowhere else.
      </p>
      <ul class="examples">
        {examples.map(([title, text]) => (
          <li key={title}>
            <button type="button" onClick={() => onExample(text)}>
              <span>{title}</span>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
