import { useEffect, useReducer, useState } from 'preact/hooks'
import type { Session } from '../session.js'
import { Composer } from './composer.js'
import { Conversation } from './conversation.js'
import { ExportDialog } from './export-dialog.js'
import { Icon, IconButton } from './icons.js'
import { KeyDialog } from './key-dialog.js'
import { MetricsDialog } from './metrics-dialog.js'
import { SettingsDialog } from './settings-dialog.js'
import { Sidebar } from './sidebar.js'
import { useTheme } from './theme.js'

/** What lies over the page. */
type Window = 'settings' | 'metrics' | 'export' | undefined

/** The page. */
export function App({ session }: { session: Session }) {
  useChanges(session)
  const theme = useTheme(session.store)
  const [draft, setDraft] = useState('')
  const [window, setWindow] = useState<Window>()
  const [showsChats, setShowsChats] = useState(false)
  const close = () => setWindow(undefined)
  const send = (text: string) => {
    if (session.isAnswering || text.trim() === '') return
    setDraft('')
    void session.send(text)
  }
  useEscape(() => session.stop())
  return (
    <div class="app">
      <Sidebar session={session} isOpen={showsChats} onDone={() => setShowsChats(false)} />
      {showsChats && (
        <button type="button" class="shade" aria-label="Hide the chats" onClick={() => setShowsChats(false)} />
      )}
      <main>
        <header class="bar">
          <button
            type="button"
            class="icon-button narrow"
            aria-label="Chats"
            aria-expanded={showsChats}
            aria-controls="chats"
            onClick={() => setShowsChats(!showsChats)}
          >
            <Icon name="menu" />
          </button>
          <h1 class="unseen">{session.chat.title}</h1>
          <ModelSelect session={session} />
          <span class="space" />
          <IconButton icon="download" label="Export" onClick={() => setWindow('export')} />
          <IconButton icon="metrics" label="Server" onClick={() => setWindow('metrics')} />
          <IconButton icon="settings" label="Settings" onClick={() => setWindow('settings')} />
        </header>
        {session.notice !== '' && !session.needsKey && (
          <div class="notice" role="alert">
            <span>{session.notice}</span>
            <button type="button" onClick={() => void session.connect()}>
              Try again
            </button>
            <IconButton icon="close" label="Dismiss" onClick={() => session.dismiss()} />
          </div>
        )}
        <Conversation session={session} onExample={send} />
        <Composer
          text={draft}
          onText={setDraft}
          isAnswering={session.isAnswering}
          onSend={() => send(draft)}
          onStop={() => session.stop()}
        />
      </main>
      {window === 'settings' && <SettingsDialog session={session} theme={theme} onClose={close} />}
      {window === 'metrics' && <MetricsDialog session={session} onClose={close} />}
      {window === 'export' && <ExportDialog session={session} onClose={close} />}
      {session.needsKey && <KeyDialog session={session} />}
    </div>
  )
}

function ModelSelect({ session }: { session: Session }) {
  const { models, model } = session
  return (
    <label class="model">
      <span class="unseen">Model</span>
      <select
        value={model}
        disabled={models.length === 0}
        onChange={({ currentTarget }) => session.set({ model: currentTarget.value })}
      >
        {models.length === 0 && <option value={model}>{model || 'no model'}</option>}
        {models.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

/** Draws again after each change, at most once a frame: an answer may come quicker than a screen shows it. */
function useChanges(session: Session): void {
  const [, draw] = useReducer((count: number) => count + 1, 0)
  useEffect(() => {
    let frame = 0
    const end = session.subscribe(() => {
      if (frame !== 0) return
      frame = requestAnimationFrame(() => {
        frame = 0
        draw(undefined)
      })
    })
    return () => {
      cancelAnimationFrame(frame)
      end()
    }
  }, [session])
}

function useEscape(act: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      // A dialog that is open closes first.
      if (event.key === 'Escape' && !document.querySelector('dialog[open]')) act()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
}
