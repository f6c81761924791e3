import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { IconButton } from './icons.js'

/** A window over the page. The browser keeps the focus inside, and closes it on Escape. */
export function Dialog({
  title,
  kind,
  onClose,
  children,
}: {
  title: string
  kind: 'side' | 'wide' | 'small'
  onClose: () => void
  children: ComponentChildren
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    // Otherwise the button that closes it has the focus.
    dialog.current?.querySelector<HTMLElement>('input, select, textarea')?.focus()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, too
    <dialog
      ref={dialog}
      class={kind}
      aria-labelledby={heading}
      onClose={onClose}
      onClick={({ target }) => {
        // What lies around the content belongs to the dialog itself.
        if (target === dialog.current) dialog.current?.close()
      }}
    >
      <div class="dialog-body">
        <header class="row">
          <h2 id={heading}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={() => dialog.current?.close()} />
        </header>
        {children}
      </div>
    </dialog>
  )
}
