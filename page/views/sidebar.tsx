import type { Chat } from '../chats/chat.js'
import type { Session } from '../session.js'
import { Icon, IconButton } from './icons.js'

/** The chats of this browser. */
export function Sidebar({ session, isOpen, onDone }: { session: Session; isOpen: boolean; onDone: () => void }) {
  const { chats, chat } = session
  const row = ({ id, title }: Chat) => (
    <li key={id} class={id === chat.id ? 'current' : ''}>
      <button
        type="button"
        class="title"
        aria-current={id === chat.id ? 'true' : undefined}
        title={title}
        onClick={() => {
          session.open(id)
          onDone()
        }}
      >
        {title}
      </button>
      <IconButton icon="trash" label={`Delete ${title}`} onClick={() => session.delete(id)} />
    </li>
  )
  return (
    <nav id="chats" class={isOpen ? 'sidebar open' : 'sidebar'} aria-label="Chats">
      <div class="brand">
        <img src="page/icon.svg" alt="" width="24" height="24" />
        openvino-llm
      </div>
      <button
        type="button"
        class="new"
        onClick={() => {
          session.startChat()
          onDone()
        }}
      >
        <Icon name="plus" /> New chat
      </button>
      {chats.length === 0 ? <p class="hint">Your chats will be listed here.</p> : <ul>{chats.map(row)}</ul>}
    </nav>
  )
}
