import { useState } from 'preact/hooks'
import type { Session } from '../session.js'
import { Dialog } from './dialog.js'

const place = 'openvino-llm.key'

/** The API key of this tab: the browser forgets it with the tab. */
export const keptKey = (): string => sessionStorage.getItem(place) ?? ''

/** Asks for the API key that the server wants. */
export function KeyDialog({ session }: { session: Session }) {
  const [key, setKey] = useState('')
  const wasWrong = session.client.apiKey !== ''
  const use = async () => {
    await session.useKey(key)
    if (!session.needsKey) sessionStorage.setItem(place, key)
  }
  return (
    <Dialog title="API key" kind="small" onClose={() => session.declineKey()}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void use()
        }}
      >
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            value={key}
            aria-describedby="key-hint"
            aria-invalid={wasWrong}
            onInput={({ currentTarget }) => setKey(currentTarget.value)}
          />
        </label>
        <p id="key-hint" class="hint">
          {wasWrong ? 'The server does not know this key. ' : 'This server answers those who have a key. '}
          It is kept until this tab is closed.
        </p>
        <div class="row end">
          <button type="submit" class="primary" disabled={key === ''}>
            Use this key
          </button>
        </div>
      </form>
    </Dialog>
  )
}
