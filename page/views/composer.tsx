import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icons.js'

/** Where questions are written. */
export function Composer({
  text,
  onText,
  isAnswering,
  onSend,
  onStop,
}: {
  text: string
  onText: (text: string) => void
  isAnswering: boolean
  onSend: () => void
  onStop: () => void
}) {
  const area = useRef<HTMLTextAreaElement>(null)
  // The height follows the text.
  useEffect(() => {
    const { current } = area
    if (!current) return
    current.style.height = 'auto'
    current.style.height = `${current.scrollHeight}px`
  }, [text])
  useEffect(() => area.current?.focus(), [])
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        onSend()
      }}
    >
      <div class="box">
        <textarea
          ref={area}
          rows={1}
          aria-label="Message"
          placeholder="Ask something"
          value={text}
          onInput={({ currentTarget }) => onText(currentTarget.value)}
          onKeyDown={(event) => {
            // While an input method composes a word, Enter accepts it.
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
              event.preventDefault()
              onSend()
            }
          }}
        />
        {isAnswering ? (
          <button type="button" class="round stop" aria-label="Stop" title="Stop (Escape)" onClick={onStop}>
            <Icon name="stop" />
          </button>
        ) : (
          <button type="submit" class="round" aria-label="Send" title="Send (Enter)" disabled={text.trim() === ''}>
            <Icon name="send" />
          </button>
        )}
      </div>
      <p class="hint">Enter sends, Shift+Enter starts a line. Chats stay in this browser.</p>
    </form>
  )
}
