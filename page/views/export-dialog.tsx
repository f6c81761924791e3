import { asMarkdown, fileName } from '../chats/export.js'
import type { Session } from '../session.js'
import { Dialog } from './dialog.js'
import { Icon } from './icons.js'

/** Writes this chat or all chats into a file, or forgets them. */
export function ExportDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const { chat, chats } = session
  const json = (value: unknown) => JSON.stringify(value, null, 2)
  const isEmpty = chat.turns.length === 0
  return (
    <Dialog title="Export" kind="small" onClose={onClose}>
      <div class="choices">
        <Choice
          label="This chat as Markdown"
          disabled={isEmpty}
          onClick={() => save(fileName(chat, 'md'), 'text/markdown', asMarkdown(chat))}
        />
        <Choice
          label="This chat as JSON"
          disabled={isEmpty}
          onClick={() => save(fileName(chat, 'json'), 'application/json', json(chat))}
        />
        <Choice
          label="All chats as JSON"
          disabled={chats.length === 0}
          onClick={() => save('chats.json', 'application/json', json(chats))}
        />
        <button type="button" class="danger" disabled={chats.length === 0} onClick={() => session.deleteAll()}>
          <Icon name="trash" /> Delete all chats
        </button>
      </div>
    </Dialog>
  )
}

function Choice({ label, disabled, onClick }: { label: string; disabled: boolean; onClick: () => void }) {
  return (
    <button type="button" disabled={disabled} onClick={onClick}>
      <Icon name="download" /> {label}
    </button>
  )
}

/** Hands a file to the browser's downloads. */
function save(name: string, type: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  // The download may begin later than this returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
